package testutil

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroupDirs are the folders of a cgroup path in every mounted hierarchy.
func cgroupDirs(path string) []string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(string(text)) {
		left, right, _ := strings.Cut(line, " - ")
		if f := strings.Fields(left); len(f) > 4 && strings.HasPrefix(right, "cgroup") {
			if dir := filepath.Join(f[4], path); dir != f[4] {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// killCgroup kills the processes below a cgroup path.
func killCgroup(path string) {
	for _, top := range cgroupDirs(path) {
		_ = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() != "cgroup.procs" {
				return nil
			}
			text, _ := os.ReadFile(name)
			for _, field := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			return nil
		})
	}
}

// RemoveCgroups removes a cgroup path and all below it from every hierarchy. Its processes have to have ended, or to
// be about to.
func RemoveCgroups(path string) error {
	var errs []error
	for _, top := range cgroupDirs(path) {
		var dirs []string
		_ = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, name)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			errs = append(errs, removeCgroup(dir))
		}
	}
	return errors.Join(errs...)
}

// removeCgroup waits a little for the last processes to leave.
func removeCgroup(dir string) error {
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
