// map.go - tasks on two goroutines that read from a channel, Go's usual worker pool
//
// It speaks as bench.h says. Waiting for all is a WaitGroup; there and back is a second channel.
package main

import (
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
	speak("Go channel pool", map[string]func(int) time.Duration{"submit": submit, "ping": ping})
}
