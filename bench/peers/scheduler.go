// scheduler.go - goroutines, asked as scheduler.c asks coroutines
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sync"
	"time"
)

func pingpong(n int) time.Duration {
	there, back := make(chan uint64), make(chan uint64)
	go func() {
		for i := 0; i < n; i++ {
			back <- <-there + 1
		}
	}()
	item := uint64(0)
	start := time.Now()
	for i := 0; i < n; i++ {
		there <- item
		item = <-back
	}
	elapsed := time.Since(start)
	if item != uint64(n) {
		fmt.Fprintln(os.Stderr, "a number was lost")
		os.Exit(1)
	}
	return elapsed
}

func yield(n int) time.Duration {
	var group sync.WaitGroup
	group.Add(2)
	start := time.Now()
	for i := 0; i < 2; i++ {
		go func() {
			for i := 0; i < n/2; i++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
	return time.Since(start)
}

func run(n int) time.Duration {
	var group sync.WaitGroup
	start := time.Now()
	for done := 0; done < n; done += 1000 {
		group.Add(1000)
		for i := 0; i < 1000; i++ {
			go group.Done()
		}
		group.Wait()
	}
	return time.Since(start)
}

func wake(m int) func(int) time.Duration {
	return func(n int) time.Duration {
		events := make([]chan struct{}, m)
		var group sync.WaitGroup
		for i := range events {
			events[i] = make(chan struct{}, 1)
			group.Add(1)
			go func(event chan struct{}) {
				for range event {
				}
				group.Done()
			}(events[i])
		}
		order := rand.Perm(m)
		runtime.Gosched()
		start, woken := time.Now(), 0
		for woken < n {
			for i, one := range order {
				events[one] <- struct{}{}
				if i%100 == 99 {
					runtime.Gosched()
				}
			}
			woken += m
		}
		elapsed := time.Since(start)
		for _, event := range events {
			close(event)
		}
		group.Wait()
		return time.Duration(float64(elapsed) / float64(woken) * float64(n))
	}
}

func main() {
	runtime.GOMAXPROCS(1) // one thread, as a scheduler has
	speak("goroutines", map[string]func(int) time.Duration{
		"pingpong": pingpong, "yield": yield, "run": run, "wake-1000": wake(1000), "wake-1000000": wake(1000000)})
}
