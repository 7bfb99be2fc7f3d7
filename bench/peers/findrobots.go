// findrobots.go - the hosts that asked for /robots.txt, as a Go programmer finds them
//
//	findrobots-go LOG...
//
// Two goroutines take the files from a channel; compress/gzip, bufio, bytes.Fields.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"sort"
)

const workers = 2

func findRobots(name string) (map[string]bool, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := gzip.NewReader(bufio.NewReaderSize(file, 256*1024))
	if err != nil {
		return nil, err
	}
	robots := map[string]bool{}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 256*1024), 1<<30)
	for lines.Scan() {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) > 6 && string(fields[6]) == "/robots.txt" {
			robots[string(fields[0])] = true
		}
	}
	return robots, lines.Err()
}

type result struct {
	robots map[string]bool
	err    error
}

func main() {
	names := make(chan string)
	results := make(chan result)
	for i := 0; i < workers; i++ {
		go func() {
			for name := range names {
				robots, err := findRobots(name)
				results <- result{robots, err}
			}
		}()
	}
	go func() {
		for _, name := range os.Args[1:] {
			names <- name
		}
		close(names)
	}()
	all := map[string]bool{}
	for range os.Args[1:] {
		r := <-results
		if r.err != nil {
			fmt.Fprintln(os.Stderr, r.err)
			os.Exit(1)
		}
		for host := range r.robots {
			all[host] = true
		}
	}
	hosts := make([]string, 0, len(all))
	for host := range all {
		hosts = append(hosts, host)
	}
	sort.Strings(hosts)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, host := range hosts {
		fmt.Fprintln(out, host)
	}
}
