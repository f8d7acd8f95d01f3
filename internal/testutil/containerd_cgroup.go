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

// KillCgroup kills the processes below a cgroup path.
func KillCgroup(path string) {
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

// MakeCgroups makes a cgroup path in every hierarchy. Version 1's cpuset takes what its parent has.
func MakeCgroups(path string) error {
	for _, dir := range cgroupDirs(path) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := inheritCpuset(filepath.Dir(dir), dir); err != nil {
			return err
		}
	}
	return nil
}

// inheritCpuset gives a cgroup of version 1 the processors and memory nodes of the one above, without which nothing may join it.
func inheritCpuset(parent, dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		text, err := os.ReadFile(filepath.Join(parent, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another hierarchy, or version 2, which inherits by itself
		}
		if err != nil {
			return err
		}
		if len(strings.TrimSpace(string(text))) == 0 {
			if err := inheritCpuset(filepath.Dir(parent), parent); err != nil {
				return err
			}
			if text, err = os.ReadFile(filepath.Join(parent, name)); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// JoinCgroup moves this process into a cgroup path in one hierarchy, version 2's where there is one: enough for KillCgroup to find
// it and its children.
func JoinCgroup(path string) error {
	dirs := cgroupDirs(path)
	if len(dirs) == 0 {
		return errors.New("no cgroup hierarchy is mounted")
	}
	return os.WriteFile(filepath.Join(dirs[len(dirs)-1], "cgroup.procs"), []byte("0"), 0o600)
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
