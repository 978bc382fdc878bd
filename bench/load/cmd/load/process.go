package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// cpuTime is the time all threads of the processes have spent on a CPU. The first field of
// schedstat counts nanoseconds; utime and stime of /proc/PID/stat count hundredths of a second.
func cpuTime(pids ...int) (time.Duration, error) {
	var total time.Duration
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil {
			return 0, err
		}
		if len(threads) == 0 {
			return 0, fmt.Errorf("process %d is gone, or the kernel keeps no schedstat", pid)
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if err != nil {
				continue // a thread that ended since it was listed
			}
			var spent int64
			if _, err := fmt.Sscan(string(text), &spent); err != nil {
				return 0, fmt.Errorf("%s: %w", thread, err)
			}
			total += time.Duration(spent)
		}
	}
	return total, nil
}

func ownCPUTime() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// resident is the memory the processes hold, in units of 10^6 bytes.
func resident(pids []int) (float64, error) {
	var pages int64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, err
		}
		var size, here int64
		if _, err := fmt.Sscan(string(text), &size, &here); err != nil {
			return 0, fmt.Errorf("statm of process %d: %w", pid, err)
		}
		pages += here
	}
	return float64(pages*int64(os.Getpagesize())) / 1e6, nil
}
