// lock.go - Go's sync.Mutex, asked as lock.h asks
package main

import (
	"sync"
	"time"
)

const inside, outside = 30, 60

type guarded struct {
	_       [128]byte
	lock    sync.Mutex
	count   uint64
	end     uint64
	product float64
	_       [128]byte
}

type turns struct {
	taken   uint64
	product float64
	_       [128]byte
}

var (
	shared = new(guarded)
	factor = 1 + 1e-9
)

func multiply(x, factor float64, times int) float64 {
	for i := 0; i < times; i++ {
		x *= factor
	}
	return x
}

func takeTurnsShort(self *turns) {
	for more := true; more; {
		shared.lock.Lock()
		more = shared.count < shared.end
		if more {
			shared.count++
			self.taken++
		}
		shared.lock.Unlock()
	}
}

func takeTurnsLong(self *turns) {
	for more := true; more; {
		shared.lock.Lock()
		more = shared.count < shared.end
		if more {
			shared.count++
			self.taken++
		}
		shared.product = multiply(shared.product, factor, inside)
		shared.lock.Unlock()
		self.product = multiply(self.product, factor, outside)
	}
}

// contend has all goroutines at it until the count is end or, with a limit, for so long.
func contend(threads int, takeTurns func(*turns), end uint64, limit time.Duration) ([]turns, time.Duration) {
	*shared = guarded{end: end, product: 1}
	all := make([]turns, threads)
	var running sync.WaitGroup
	gate := make(chan struct{})
	running.Add(threads)
	for i := range all {
		all[i].product = 1
		go func(self *turns) {
			<-gate
			takeTurns(self)
			running.Done()
		}(&all[i])
	}
	start := time.Now()
	close(gate)
	if limit > 0 {
		time.Sleep(limit)
		shared.lock.Lock()
		shared.end = shared.count
		shared.lock.Unlock()
	}
	running.Wait()
	return all, time.Since(start)
}

func alone(n int) time.Duration {
	return besideAnother(func() {
		for i := 0; i < n; i++ {
			shared.lock.Lock()
			shared.lock.Unlock()
		}
	})
}

func count(n int) time.Duration {
	return besideAnother(func() {
		for i := 0; i < n; i++ {
			shared.lock.Lock()
			shared.count++
			shared.lock.Unlock()
		}
	})
}

func besideAnother(work func()) time.Duration {
	gate, done := make(chan struct{}), make(chan struct{})
	go func() {
		<-gate
		close(done)
	}()
	start := time.Now()
	work()
	elapsed := time.Since(start)
	close(gate)
	<-done
	return elapsed
}

func contended(threads int, takeTurns func(*turns)) func(int) time.Duration {
	return func(n int) time.Duration {
		_, elapsed := contend(threads, takeTurns, uint64(n), 0)
		return elapsed
	}
}

// fairness is n times the ratio: what it returns is divided by n.
func fairness(threads int) func(int) time.Duration {
	return func(n int) time.Duration {
		all, _ := contend(threads, takeTurnsShort, 1<<63, time.Duration(n)*time.Millisecond)
		most, least := uint64(0), uint64(1<<63)
		for _, one := range all {
			if one.taken > most {
				most = one.taken
			}
			if one.taken < least {
				least = one.taken
			}
		}
		if least == 0 {
			least = 1
		}
		return time.Duration(float64(most) / float64(least) * float64(n))
	}
}

func main() {
	speak("sync.Mutex", map[string]func(int) time.Duration{
		"alone":   alone,
		"count":   count,
		"short-2": contended(2, takeTurnsShort),
		"short-8": contended(8, takeTurnsShort),
		"long-2":  contended(2, takeTurnsLong),
		"long-8":  contended(8, takeTurnsLong),
		"fair-2":  fairness(2),
		"fair-8":  fairness(8),
	})
}
