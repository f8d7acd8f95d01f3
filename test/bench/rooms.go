package main

import (
	"os/exec"
	"strings"
)

// room is a line of `go test -bench`: a room of the walk, measured without a kernel.
type room struct {
	pkg, name string
	// values are as Go prints them: "357.1 ns/op", "0 allocs/op", …
	values []string
}

// rooms runs the Go benchmarks of the rooms that have some.
func (b *bench) rooms() ([]room, error) {
	progress("the rooms' own benchmarks")
	args := []string{"test", "-run", "^$", "-bench", ".", "-benchmem", "./internal/engine/...", "./internal/decode", "./internal/process",
		"./internal/output/...", "./internal/replay/...", "./internal/sensor"}
	if b.quick {
		args = append(args, "-benchtime", "0.2s")
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		return nil, commandError("run the rooms' benchmarks", err)
	}
	return readRooms(string(out)), nil
}

// readRooms reads Go's benchmark format: name, iterations, then pairs of value and unit.
func readRooms(text string) (list []room) {
	pkg := ""
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "pkg:":
			_, pkg, _ = strings.Cut(f[1], "/internal/")
		case len(f) >= 4 && strings.HasPrefix(f[0], "Benchmark"):
			r := room{pkg: pkg, name: strings.TrimPrefix(f[0], "Benchmark")}
			for i := 2; i+1 < len(f); i += 2 {
				r.values = append(r.values, f[i]+" "+f[i+1])
			}
			list = append(list, r)
		}
	}
	return list
}
