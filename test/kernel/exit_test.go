package kernel

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// exitListeners is how many sockets are told of each thread's end. The kernel tells them between counting the thread out and the
// tracepoint of its end: that takes some 100 µs then, in which the next thread's end begins on another processor.
const exitListeners = 300

// threadsTrigger runs processes whose threads end together, and returns their pids.
func threadsTrigger([]string) (any, error) {
	if err := listenToExits(); err != nil {
		return nil, err
	}
	var pids []int32
	for range 40 {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), triggerVar+"=end together")
		if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
			return nil, fmt.Errorf("run threads that are to be killed: %w", err)
		}
		pids = append(pids, int32(cmd.Process.Pid))
	}
	return pids, nil
}

// listenToExits opens the sockets. They stay open until the process ends, and are never read.
func listenToExits() error {
	const registerCPUs = 3 // TASKSTATS_CMD_ATTR_REGISTER_CPUMASK
	cpus, err := os.ReadFile("/sys/devices/system/cpu/possible")
	if err != nil {
		return err
	}
	answer, err := askNetlink(unix.GENL_ID_CTRL, unix.CTRL_CMD_GETFAMILY, unix.CTRL_ATTR_FAMILY_NAME, unix.TASKSTATS_GENL_NAME)
	if err != nil {
		return err
	}
	var family uint16
	for len(answer) >= 4 {
		size, kind := binary.NativeEndian.Uint16(answer), binary.NativeEndian.Uint16(answer[2:])
		if kind == unix.CTRL_ATTR_FAMILY_ID {
			family = binary.NativeEndian.Uint16(answer[4:])
		}
		answer = answer[min(len(answer), int(size+3)&^3):]
	}
	for range exitListeners {
		if _, err := askNetlink(family, unix.TASKSTATS_CMD_GET, registerCPUs, strings.TrimSpace(string(cpus))); err != nil {
			return err
		}
	}
	return nil
}

// askNetlink makes a request of generic netlink with one text attribute. It returns the attributes of the answer. The socket
// stays open.
func askNetlink(family uint16, command byte, attr uint16, text string) ([]byte, error) {
	const head = unix.SizeofNlMsghdr + 4 // struct nlmsghdr, struct genlmsghdr
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, err
	}
	text += "\x00"
	order := binary.NativeEndian
	request := order.AppendUint32(nil, uint32(head+(4+len(text)+3)&^3))
	request = order.AppendUint16(request, family)
	request = order.AppendUint16(request, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	request = append(request, make([]byte, 8)...)
	request = append(request, command, 1, 0, 0)
	request = order.AppendUint16(request, uint16(4+len(text)))
	request = order.AppendUint16(request, attr)
	request = append(append(request, text...), make([]byte, -len(text)&3)...)
	if _, err := unix.Write(fd, request); err != nil {
		return nil, fmt.Errorf("ask netlink: %w", err)
	}
	answer := make([]byte, 8192)
	n, err := unix.Read(fd, answer)
	if err != nil {
		return nil, fmt.Errorf("read netlink's answer: %w", err)
	}
	if order.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		if errno := -int32(order.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
			return nil, fmt.Errorf("ask netlink: %w", unix.Errno(errno))
		}
	}
	return answer[min(n, head):n], nil
}

// endTogetherTrigger ends a process of some threads, each of which may run on any processor.
func endTogetherTrigger([]string) (any, error) {
	var all unix.CPUSet
	for cpu := range 64 * len(all) {
		all.Set(cpu)
	}
	var ready sync.WaitGroup
	for range 12 {
		ready.Add(1)
		go func() {
			runtime.LockOSThread()
			_ = unix.SchedSetaffinity(0, &all) // new threads have that of the one that pin locked
			ready.Done()
			_ = unix.Pause()
		}()
	}
	ready.Wait()
	return nil, unix.Kill(unix.Getpid(), unix.SIGKILL)
}

// A process ends once, although several of its threads may each find that they are the last.
func TestThreadsEndTogether(t *testing.T) {
	var pids []int32
	c := trigger(t, &pids, "threads end together")
	ends := map[int32]int{}
	for _, ev := range c.events {
		if ev.Type == event.TypeProcexit {
			ends[ev.Tgid]++
		}
	}
	for _, pid := range pids {
		if ends[pid] != 1 {
			t.Errorf("process %d has %d ends, want 1", pid, ends[pid])
		}
	}
}
