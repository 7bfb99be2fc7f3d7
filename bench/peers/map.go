// map.go - tasks on two goroutines that read from a channel, Go's usual worker pool
//
// It speaks as bench.h says. Waiting for all is a WaitGroup; there and back is a second channel.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const workers = 2

func nothing() {}

func submit(n int) time.Duration {
	tasks := make(chan func(), 1024)
	var running sync.WaitGroup
	for i := 0; i < workers; i++ {
		go func() {
			for task := range tasks {
				task()
				running.Done()
			}
		}()
	}
	start := time.Now()
	running.Add(n)
	for i := 0; i < n; i++ {
		tasks <- nothing
	}
	running.Wait()
	elapsed := time.Since(start)
	close(tasks)
	return elapsed
}

func ping(n int) time.Duration {
	tasks := make(chan func())
	answers := make(chan struct{})
	for i := 0; i < workers; i++ {
		go func() {
			for task := range tasks {
				task()
				answers <- struct{}{}
			}
		}()
	}
	start := time.Now()
	for i := 0; i < n; i++ {
		tasks <- nothing
		<-answers
	}
	elapsed := time.Since(start)
	close(tasks)
	return elapsed
}

func main() {
	cases := map[string]func(int) time.Duration{"submit": submit, "ping": ping}
	if len(os.Args) == 2 && os.Args[1] == "label" {
		fmt.Println("Go channel pool,", runtime.Version())
		return
	}
	if len(os.Args) == 3 && cases[os.Args[1]] != nil {
		if n, err := strconv.Atoi(os.Args[2]); err == nil && n > 0 {
			run := cases[os.Args[1]]
			run(n/10 + 1)
			fmt.Printf("%.3f\n", float64(run(n).Nanoseconds())/float64(n))
			return
		}
	}
	fmt.Fprintln(os.Stderr, "usage: map-go label | CASE N")
	os.Exit(2)
}
