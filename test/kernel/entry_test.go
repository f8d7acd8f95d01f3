package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/testutil"
)

// These tests hold a call in the middle: fanotify asks the trigger whether its own open is allowed. It then does what
// another thread of an attacker would, and says no.

// deny refuses the next open of a file, by whomever, once during has run. The channel gets one error.
func deny(path string, during func() error) (<-chan error, error) {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("start fanotify: %w", err)
	}
	if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_OPEN_PERM, unix.AT_FDCWD, path); err != nil {
		return nil, fmt.Errorf("ask for the opens of a file: %w", err)
	}
	done := make(chan error, 1)
	go func() {
		var buf [4096]byte
		n, err := unix.Read(fd, buf[:])
		if err != nil || n < int(unsafe.Sizeof(unix.FanotifyEventMetadata{})) {
			done <- fmt.Errorf("read fanotify: %d bytes, %w", n, err)
			return
		}
		ask := (*unix.FanotifyEventMetadata)(unsafe.Pointer(&buf))
		err = during()
		var answer [8]byte // struct fanotify_response
		binary.NativeEndian.PutUint32(answer[:], uint32(ask.Fd))
		binary.NativeEndian.PutUint32(answer[4:], unix.FAN_DENY)
		_, answered := unix.Write(fd, answer[:])
		done <- errors.Join(err, answered, unix.Close(int(ask.Fd)), unix.Close(fd))
	}()
	return done, nil
}

// paper is memory that holds a path string, within the reach of 32-bit calls.
type paper struct{ mem unsafe.Pointer }

const paperSize = 8192

func newPaper(text string) (paper, error) {
	mem, err := unix.MmapPtr(-1, 0, nil, paperSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|mapLow)
	p := paper{mem}
	if err == nil {
		p.write(text)
	}
	return p, err
}

// unreadPaper's text is in a file, of which nothing has been read into memory yet.
func unreadPaper(text, path string) (paper, error) {
	if err := os.WriteFile(path, []byte(text+strings.Repeat("\x00", paperSize-len(text))), 0o600); err != nil {
		return paper{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return paper{}, err
	}
	defer f.Close()
	mem, err := unix.MmapPtr(int(f.Fd()), 0, nil, paperSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	return paper{mem}, err
}

func (p paper) write(text string) { copy(unsafe.Slice((*byte)(p.mem), paperSize), text+"\x00") }

func (p paper) hide() error { return unix.MunmapPtr(p.mem, paperSize) }

// rewriteSpec is a call that fails, and what becomes of its path meanwhile.
type rewriteSpec struct {
	// Call is open, int80, exec or int80 exec; Path its path string.
	Call, Path string
	// Denied is the file whose open is refused; empty if the call fails by itself.
	Denied string
	// Becomes is what the string is when the call returns; empty if it stays.
	Becomes string
	// Hide unmaps the string; Unread has it not in memory at the call; Collide lets a thread that shares the slot fail
	// to open the path that Becomes names.
	Hide, Unread, Collide bool
}

func rewriteTrigger(args []string) (any, error) {
	runtime.GOMAXPROCS(4) // a call by the 32-bit entry does not make way for other goroutines
	s := rewriteSpec{Call: args[0], Path: args[1], Denied: args[2], Becomes: args[3]}
	s.Hide, s.Unread, s.Collide = args[4] == "hide", args[4] == "unread", args[4] == "collide"
	p, err := newPaper(s.Path)
	if s.Unread {
		p, err = unreadPaper(s.Path, filepath.Dir(s.Denied)+"/paper")
	}
	if err != nil {
		return nil, err
	}
	collider := func() error { return nil }
	if s.Collide {
		if collider, err = colliding(s.Becomes); err != nil {
			return nil, err
		}
	}
	done := make(<-chan error)
	if s.Denied != "" {
		done, err = deny(s.Denied, func() error {
			if s.Becomes != "" {
				p.write(s.Becomes)
			}
			if s.Hide {
				return p.hide()
			}
			return collider()
		})
		if err != nil {
			return nil, err
		}
	}
	facts, err := s.call(uintptr(p.mem))
	if err == nil && s.Denied != "" {
		err = <-done
	}
	return facts, err
}

func (s *rewriteSpec) call(path uintptr) (*callFacts, error) {
	const cwd = uintptr(0xffffff9c)
	var f callFacts
	var err error
	switch s.Call {
	case "open":
		f, err = call(event.TypeOpenat, func() (uintptr, error) {
			fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, cwd, path, 0, 0, 0, 0)
			return fd, errno
		})
	case "exec":
		f, err = call(event.TypeExecve, func() (uintptr, error) {
			_, _, errno := unix.Syscall(unix.SYS_EXECVE, path, 0, 0)
			return 0, errno
		})
	default:
		f, err = archCall(s.Call, path)
	}
	if err != nil {
		return nil, err
	}
	f.Want.Flags |= event.FlagUnverified
	if f.Want.Type != event.TypeExecve {
		f.Want.File = event.File{Present: true, FD: f.Want.Ret}
	}
	return &f, nil
}

// colliding starts a thread whose id has the same low bits as the caller's; the function lets it fail to open a path.
func colliding(path string) (func() error, error) {
	const slots = 1024
	_, own, err := ownIDs()
	if err != nil {
		return nil, err
	}
	open, opened := make(chan struct{}), make(chan error)
	for range 100 * slots {
		found := make(chan bool)
		go func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			_, tid, err := ownIDs()
			hit := err == nil && tid != own && tid%slots == own%slots
			found <- hit
			if hit {
				<-open
				if _, err := unix.Open(path, 0, 0); !errors.Is(err, unix.ENOENT) {
					opened <- fmt.Errorf("open %s: %w", path, err)
				}
				opened <- nil
			}
		}()
		if <-found {
			return func() error { close(open); return <-opened }, nil
		}
	}
	return nil, errors.New("no thread got an id that collides")
}

// padded makes a path as long as wanted, without another meaning.
func padded(path string, size int) string {
	dir, name := filepath.Split(path)
	dir += strings.Repeat("/", (size-len(path))%2)
	return dir + strings.Repeat("./", (size-len(dir)-len(name))/2) + name
}

func TestRewrittenPath(t *testing.T) {
	tmp := t.TempDir()
	file := tmp + "/file"
	must(t, os.WriteFile(file, nil, 0o700))
	longest := padded(file, 4095)
	const changed, truncated = event.FlagNameChanged, event.FlagRawTruncated
	tests := []struct {
		name                        string
		call, path, denied, becomes string
		how                         string
		raw, given, atExit          string
		flags                       event.Flags
		missing                     bool // no copy from entry
	}{
		{"same", "open", file, file, "", "", file, file, "", 0, false},
		{"same, written anew", "open", file, file, file, "", file, file, "", 0, false},
		{"rewritten", "open", file, file, "/etc/decoy", "", file, file, "/etc/decoy", changed, false},
		{"longer", "open", file, file, file + "s", "", file, file, file + "s", changed, false},
		{"shorter", "open", file, file, file[:len(file)-1], "", file, file, file[:len(file)-1], changed, false},
		{"last byte of eight", "open", "/" + padded(file, 127), file, padded(file, 127) + "x", "", "/" + padded(file, 127), file, tmp + "/filex",
			changed, false},
		{"relative", "open", "./file", file, "../decoy", "", "./file", file, filepath.Dir(tmp) + "/decoy", changed, false},
		{"absolute, becomes relative", "open", file, file, "decoy", "", file, file, tmp + "/decoy", changed, false},
		{"absent", "open", tmp + "/absent", "", "", "", tmp + "/absent", tmp + "/absent", "", 0, false},
		{"longest", "open", longest, file, longest[:4094] + "x", "", longest, file, tmp + "/filx", changed | truncated, false},
		{"too long", "open", padded(file, 5001), "", "", "", padded(file, 5001)[:4095], filepath.Clean(padded(file, 5001)[:4095]), "", truncated,
			false},
		{"unmapped", "open", file, file, "", "hide", file, file, "", 0, false},
		// Known gaps: what is seen is the string at the end.
		{"not in memory at entry", "open", file, file, "/decoy", "unread", "/decoy", "/decoy", "", 0, true},
		{"slot taken", "open", file, file, "/decoy", "collide", "/decoy", "/decoy", "", 0, true},
		{"exec", "exec", file, file, "/bin/decoy", "", file, file, "/bin/decoy", changed, false},
		{"same exec", "exec", file, file, "", "", file, file, "", 0, false},
		{"relative exec", "exec", "./file", file, "/bin/decoy", "", file, file, "/bin/decoy", changed, false},
		{"32-bit open", "int80", file, file, "/etc/decoy", "", file, file, "/etc/decoy", changed, false},
		{"32-bit exec", "int80 exec", file, file, "/etc/decoy", "", file, file, "/etc/decoy", changed, false},
	}
	for _, tt := range tests {
		if strings.HasPrefix(tt.call, "int80") && archCall == nil {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasPrefix(tt.call, "int80") {
				testutil.NeedEntry32(t)
			}
			var facts callFacts
			cmd := command(t, "rewrite", tt.call, tt.path, tt.denied, tt.becomes, tt.how)
			cmd.Dir = tmp
			c := newWatcher(t, controller()).run(&facts, cmd)
			facts.Want.Flags |= tt.flags
			if facts.Want.File.Present {
				facts.Want.File.Raw, facts.Want.File.Given, facts.Want.File.AtExit = tt.raw, tt.given, tt.atExit
			} else {
				facts.Want.Filename, facts.Want.FilenameAtExit = tt.given, tt.atExit
			}
			c.check(c.find(tt.name, func(ev *event.Event) bool {
				return ev.Type == facts.Want.Type && ev.Tid == facts.Want.Tid && int64(ev.Boot) >= facts.From && int64(ev.Boot) <= facts.To
			}), facts)
			if tt.missing && c.counters.EntryMissing == 0 {
				t.Error("that there was no copy is not counted")
			}
			if tt.how == "collide" {
				c.find("the colliding thread's open", func(ev *event.Event) bool {
					return ev.Type == event.TypeOpenat && ev.Tgid == c.pid && ev.Tid != facts.Want.Tid && ev.File.Raw == tt.becomes
				})
			}
		})
	}
}

// The begin of calls is seen the same by the tracepoints of each as by that of all.
func TestEntryHooks(t *testing.T) {
	tmp := t.TempDir()
	file := tmp + "/file"
	must(t, os.WriteFile(file, nil, 0o700))
	for name, hook := range map[string]probe.EntryHook{"all": probe.EntryAll, "calls": probe.EntryCalls} {
		t.Run(name, func(t *testing.T) {
			s := probe.Settings{CgroupController: controller(), EntryCopies: true, EntryHook: hook, BulkBytes: 64 << 20}
			if hook == probe.EntryCalls && before(5, 15) {
				t.Skip("needs Linux 5.15: links of perf events")
			}
			w := newWatcherOf(t, s)
			n, err := w.probe.EntriesSeen()
			if hook == probe.EntryCalls && n == 0 {
				t.Fatal(err)
			}
			if hook == probe.EntryAll && n != 0 {
				t.Errorf("%d calls are seen by a tracepoint of their own", n)
			}
			for _, call := range []string{"open", "exec"} {
				var facts callFacts
				c := watchWith(t, w.probe).run(&facts, command(t, "rewrite", call, file, file, "/etc/decoy", ""))
				ev := c.find(call, func(ev *event.Event) bool {
					return ev.Type == facts.Want.Type && ev.Tid == facts.Want.Tid && int64(ev.Boot) >= facts.From && int64(ev.Boot) <= facts.To
				})
				given, atExit := ev.File.Given, ev.File.AtExit
				if call == "exec" {
					given, atExit = ev.Filename, ev.FilenameAtExit
				}
				if given != file || atExit != "/etc/decoy" || ev.Flags&event.FlagNameChanged == 0 {
					t.Errorf("%s: %q became %q (flags %#x)", call, given, atExit, ev.Flags)
				}
			}
		})
	}
}

// Rules about rewritten names alone make the kernel send no other failure.
func TestOnlyRewritten(t *testing.T) {
	tmp := t.TempDir()
	file := tmp + "/file"
	must(t, os.WriteFile(file, nil, 0o700))
	var rewritten event.OpenMasks
	for access := range rewritten {
		rewritten[access][event.OutcomeNameChanged] = event.AllRules
	}
	for becomes, want := range map[string][]string{"/decoy": {file}, "": nil} {
		var facts callFacts
		w := newWatcherOf(t, probe.Settings{
			CgroupController: controller(), EntryCopies: true, BulkBytes: 64 << 20,
			Masks: &event.Masks{
				Opens: map[event.Type]event.OpenMasks{event.TypeOpen: rewritten, event.TypeOpenat: rewritten},
			},
		})
		c := w.run(&facts, command(t, "rewrite", "open", file, file, becomes, ""))
		var got []string
		for _, ev := range c.events {
			if ev.Tgid == c.pid && event.IsOpen(ev.Type) {
				got = append(got, ev.File.Raw)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("becomes %q: the opens of %q were sent, want %q", becomes, got, want)
		}
	}
}
