// bench.go - what the measuring programs in Go have in common: they speak as bench.h says
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// speak does as the command line says: a case does its work n times and returns nanoseconds in all.
func speak(label string, cases map[string]func(n int) time.Duration) {
	if len(os.Args) == 2 && os.Args[1] == "label" {
		fmt.Printf("%s, %s\n", label, runtime.Version())
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
	fmt.Fprintf(os.Stderr, "usage: %s label | CASE N\n", os.Args[0])
	os.Exit(2)
}
