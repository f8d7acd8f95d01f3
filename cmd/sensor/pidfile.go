package main

import (
	"fmt"
	"os"
	"strconv"
)

// writePidfile writes the process id, as text without a newline, and returns what removes it.
func writePidfile(path string) (remove func(), err error) {
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return nil, fmt.Errorf("write the process id: %w; check the path given with -P", err)
	}
	return func() { _ = os.Remove(path) }, nil
}
