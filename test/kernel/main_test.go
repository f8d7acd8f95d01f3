// Package kernel tests the capture on the running kernel: each system call of the probe, each parameter.
//
// The sensor never records itself, so what is to be seen is done by a child: the test binary run anew with the name of
// a trigger. What the trigger prints as JSON are the facts as the kernel told them to it (fstat, getpid, /proc/self/…),
// which the records are compared with. The child's exit ends the capture: nothing here sleeps.
package kernel

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// triggerVar names the trigger to run in place of the tests.
const triggerVar = "SAKER_TRIGGER"

// quickExit: the race detector sleeps for a second before it exits, unless told not to.
const quickExit = "GORACE=atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	name := os.Getenv(triggerVar)
	if name == "" {
		os.Exit(runTests(m))
	}
	if err := runTrigger(name, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "trigger %s: %v\n", name, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// runTests runs the tests, and closes the probe that they share.
func runTests(m *testing.M) int {
	code := m.Run()
	if shared != nil {
		if err := shared.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "close the shared probe:", err)
			return 1
		}
	}
	return code
}

func runTrigger(name string, args []string) error {
	if err := pin(); err != nil {
		return err
	}
	run := triggers[name]
	if run == nil {
		run = archTriggers[name]
	}
	if run == nil {
		return fmt.Errorf("it is unknown")
	}
	facts, err := run(args)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(facts)
}

// pin keeps the calling goroutine on its thread, and that on its processor, so that both are facts.
func pin() error {
	runtime.LockOSThread()
	var one unix.CPUSet
	one.Set(int(currentCPU()))
	return unix.SchedSetaffinity(0, &one)
}

// triggers run in a child process and return the facts to compare with. archTriggers has those of one architecture.
var triggers = map[string]func(args []string) (any, error){
	"polled many": polledManyTrigger,

	"image":  imageTrigger,
	"exec":   execTrigger,
	"thread": threadTrigger,

	"clone":           cloneTrigger,
	"clone3":          clone3Trigger,
	"clone parent":    cloneParentTrigger,
	"fork parameters": forkParamsTrigger,
	"vfork":           vforkTrigger,
	"kill":            killTrigger,
	"orphan":          orphanTrigger,
	"leader first":    leaderFirstTrigger,

	"threads end together": threadsTrigger,
	"end together":         endTogetherTrigger,

	"setuid":       setuidTrigger,
	"overlay":      overlayTrigger,
	"overlay exec": overlayExecTrigger,
	"cgroup":       cgroupTrigger,

	"openat":            openatTrigger,
	"openat2":           openat2Trigger,
	"openat2 refused":   openat2RefusedTrigger,
	"open_by_handle_at": openByHandleAtTrigger,
	"failed open":       failedOpenTrigger,
	"rewrite":           rewriteTrigger,

	"caller":    callerTrigger,
	"cwd":       cwdTrigger,
	"polled":    polledTrigger,
	"signals":   signalTrigger,
	"unix ends": unixEndsTrigger,

	"close":   closeTrigger,
	"closers": closersTrigger,

	"io_uring":          uringTrigger,
	"io_uring many":     manyTrigger,
	"io_uring overflow": overflowTrigger,
	"io_uring silent":   silentTrigger,
	"io_uring setup":    uringSetupTrigger,
	"io_uring calls":    uringCallsTrigger,

	"io_uring accept":      uringAcceptTrigger,
	"io_uring silent call": uringSilentCallTrigger,

	"calls":        callsTrigger,
	"generic call": genericTrigger,
	"rewrite call": rewriteCallTrigger,

	"open as":           openAsTrigger,
	"dirfd":             dirfdTrigger,
	"pipe":              pipeTrigger,
	"deep":              deepTrigger,
	"bind":              bindTrigger,
	"chroot":            chrootTrigger,
	"chroot in mount":   chrootInMountTrigger,
	"deleted directory": deletedDirTrigger,
}

// command is a trigger's, not yet started.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(executable(t), args...)
	cmd.Env = append(os.Environ(), triggerVar+"="+name, quickExit)
	if name == "calls" {
		cmd.Env = append(cmd.Env, "GODEBUG=asyncpreemptoff=1") // the runtime's signal would interrupt calls that wait
	}
	return cmd
}

// trigger runs a trigger under a probe and decodes the facts that it printed.
func trigger(t *testing.T, facts any, name string, args ...string) *capture {
	t.Helper()
	return watch(t, facts, command(t, name, args...))
}

// watch runs a command under a probe until its process has ended.
func watch(t *testing.T, facts any, cmd *exec.Cmd) *capture {
	t.Helper()
	return newWatcher(t, controller()).run(facts, cmd)
}

func executable(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// must ends the test on an error of its preparations.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustDecode reads facts that a trigger passed on as text.
func mustDecode(t *testing.T, text string, facts any) {
	t.Helper()
	must(t, json.Unmarshal([]byte(text), facts))
}
