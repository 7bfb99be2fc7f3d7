// queue.go - Go's channel, asked as queue.h asks
package main

import (
	"fmt"
	"os"
	"time"
)

const capacity = 1024

func transfer(pairs int) func(int) time.Duration {
	return func(n int) time.Duration {
		each := uint64(n / pairs)
		queue, gate, sums := make(chan uint64, capacity), make(chan struct{}), make(chan uint64, pairs)
		for i := uint64(0); i < uint64(pairs); i++ {
			go func(first uint64) {
				<-gate
				for item := first; item < first+each; item++ {
					queue <- item
				}
			}(1 + i*each)
			go func() {
				<-gate
				sum := uint64(0)
				for left := each; left > 0; left-- {
					sum += <-queue
				}
				sums <- sum
			}()
		}
		start := time.Now()
		close(gate)
		sum, all := uint64(0), each*uint64(pairs)
		for i := 0; i < pairs; i++ {
			sum += <-sums
		}
		elapsed := time.Since(start)
		if sum != all*(all+1)/2 {
			fmt.Fprintln(os.Stderr, "items were lost or came twice")
			os.Exit(1)
		}
		return elapsed
	}
}

func main() {
	speak("channel", map[string]func(int) time.Duration{"1-1": transfer(1), "2-2": transfer(2)})
}
