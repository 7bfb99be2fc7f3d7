// thread.go - a goroutine, which is no thread of the system: start one, wait for its end
package main

import "time"

func run(n int) time.Duration {
	done := make(chan struct{})
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() { done <- struct{}{} }()
		<-done
	}
	return time.Since(start)
}

func main() {
	speak("goroutine", map[string]func(int) time.Duration{"run": run})
}
