package decode

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// based is what every record of the tests' header holds.
func based(kind event.Kind, ev event.Event) *event.Record {
	return &event.Record{Kind: kind, Seq: 77, CPU: 3, Event: ev, Ppid: 50, EUID: 1000, EGID: 1001, ImageCgroup: 4711}
}

func same(t *testing.T, want, got *event.Record) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestOpen(t *testing.T) {
	file := func(change func(*event.File)) event.File {
		f := event.File{
			Present: true, FD: 5, Raw: "/dir/file", Given: "/dir/file", Resolved: "/real/file", OpenFlags: 0o102, Mode: 0o640, Resolve: 8,
			ID: event.FileID{Dev: 8<<20 | 1, Ino: 5, Ctime: 6, Mtime: -7}, InodeMode: 0o100644, Nlink: 2, Layer: event.LayerLower,
		}
		change(&f)
		return f
	}
	for _, tt := range []struct {
		name           string
		change         func(*bpfgen.SensorOpenRecord)
		raw, dir, path string
		want           func(ev *event.Event)
		hidden         string
	}{
		{"absolute", nil, "/dir/file", "", "/real/file", func(ev *event.Event) { ev.File = file(func(*event.File) {}) }, ""},
		{"relative", func(r *bpfgen.SensorOpenRecord) {
			r.Dirfd, r.DirMode, r.Call = 4, 0o40755, uint32(bpfgen.SensorCallCALL_OPENAT)
		}, "../b/./c", "/dir/a", "/dir/b/c",
			func(ev *event.Event) {
				ev.Type, ev.DirFD, ev.Dir, ev.DirMode = event.TypeOpenat, 4, "/dir/a", 0o40755
				ev.File = file(func(f *event.File) { f.Raw, f.Given, f.Resolved = "../b/./c", "/dir/b/c", "/dir/b/c" })
			}, ""},
		{"created, in the upper layer", func(r *bpfgen.SensorOpenRecord) {
			r.H.Flags = uint32(bpfgen.SensorRecordFlagsFLAG_CREATED)
			r.File.Layer = uint32(bpfgen.SensorLayerLAYER_UPPER)
		}, "/dir/file", "", "/real/file", func(ev *event.Event) {
			ev.File = file(func(f *event.File) { f.Created, f.Layer = true, event.LayerUpper })
		}, ""},
		{"failed", func(r *bpfgen.SensorOpenRecord) { r.Ret = -13; r.File = bpfgen.SensorInodeInfo{} }, "/dir/file", "", "",
			func(ev *event.Event) {
				ev.Ret, ev.Flags = -13, event.FlagUnverified
				ev.File = file(func(f *event.File) {
					f.FD, f.Resolved, f.ID, f.InodeMode, f.Nlink, f.Layer = -13, "", event.FileID{}, 0, 0, event.LayerNone
				})
			}, ""},
		{"mode without O_CREAT", func(r *bpfgen.SensorOpenRecord) { r.OpenFlags = 0o2 }, "/dir/file", "", "/real/file",
			func(ev *event.Event) {
				ev.File = file(func(f *event.File) { f.OpenFlags, f.Mode = 0o2, 0 })
			}, ""},
		{"mode of O_TMPFILE", func(r *bpfgen.SensorOpenRecord) { r.OpenFlags = unix.O_TMPFILE | unix.O_RDWR }, "/dir/file", "", "/real/file",
			func(ev *event.Event) {
				ev.File = file(func(f *event.File) { f.OpenFlags = 0o20200002 })
			}, ""},
		{"by handle", func(r *bpfgen.SensorOpenRecord) { r.Call = uint32(bpfgen.SensorCallCALL_OPEN_BY_HANDLE_AT) }, "", "", "/real/file",
			func(ev *event.Event) {
				ev.Type = event.TypeOpenByHandleAt
				ev.File = file(func(f *event.File) { f.Raw, f.Given = "", "/real/file" })
			}, ""},
		{"empty name", func(r *bpfgen.SensorOpenRecord) { r.Ret = -2; r.File = bpfgen.SensorInodeInfo{} }, "", "/dir", "",
			func(ev *event.Event) {
				ev.Ret, ev.Flags = -2, event.FlagUnverified
				ev.File = file(func(f *event.File) {
					f.FD, f.Raw, f.Given, f.Resolved, f.ID, f.InodeMode, f.Nlink, f.Layer = -2, "", "/dir", "", event.FileID{}, 0, 0,
						event.LayerNone
				})
			}, ""},
		{"unreadable name", func(r *bpfgen.SensorOpenRecord) {
			r.Ret, r.File, r.H.Flags = -14, bpfgen.SensorInodeInfo{}, uint32(bpfgen.SensorRecordFlagsFLAG_RAW_TRUNCATED)
		}, "", "/dir", "", func(ev *event.Event) {
			ev.Ret, ev.Flags = -14, event.FlagUnverified|event.FlagRawTruncated
			ev.File = file(func(f *event.File) {
				f.FD, f.Raw, f.Given, f.Resolved, f.ID, f.InodeMode, f.Nlink, f.Layer = -14, "", "", "", event.FileID{}, 0, 0,
					event.LayerNone
			})
		}, ""},
		{"name gone, file known", func(r *bpfgen.SensorOpenRecord) { r.H.Flags = uint32(bpfgen.SensorRecordFlagsFLAG_RAW_TRUNCATED) },
			"", "/dir", "/real/file", func(ev *event.Event) {
				ev.Flags = event.FlagRawTruncated
				ev.File = file(func(f *event.File) { f.Raw, f.Given = "", "/real/file" })
			}, ""},
		{"failed in a ring", func(r *bpfgen.SensorOpenRecord) {
			r.Ret, r.File, r.H.Flags = -2, bpfgen.SensorInodeInfo{}, uint32(bpfgen.SensorRecordFlagsFLAG_IO_URING)
		}, "/absent", "", "", func(ev *event.Event) {
			ev.Ret, ev.Flags = -2, event.FlagIoUring // the name is the kernel's own
			ev.File = file(func(f *event.File) {
				f.FD, f.Raw, f.Given, f.Resolved, f.ID, f.InodeMode, f.Nlink, f.Layer = -2, "/absent", "/absent", "", event.FileID{}, 0, 0,
					event.LayerNone
			})
		}, ""},
		{"every other flag", func(r *bpfgen.SensorOpenRecord) {
			r.H.Flags = uint32(bpfgen.SensorRecordFlagsFLAG_PATH_TRUNCATED | bpfgen.SensorRecordFlagsFLAG_COMPAT |
				bpfgen.SensorRecordFlagsFLAG_OUTSIDE_ROOT | bpfgen.SensorRecordFlagsFLAG_FILE_GONE | bpfgen.SensorRecordFlagsFLAG_IO_URING)
		}, "/dir/file", "", "/real/file", func(ev *event.Event) {
			ev.Flags = event.FlagPathTruncated | event.FlagCompat | event.FlagOutsideRoot | event.FlagUnverified | event.FlagIoUring
			ev.File = file(func(*event.File) {})
		}, ""},
		{"in a bind mount", inMount(5), "/dir/file", "", "/real/file", func(ev *event.Event) {
			ev.File = file(func(f *event.File) { f.FS = event.FSPath{Known: true, Hidden: "/srv/x", Shown: "/file"} })
		}, "/srv/x"},
		{"bind mount of a file", inMount(0), "/dir/file", "", "/real/file", func(ev *event.Event) {
			ev.File = file(func(f *event.File) { f.FS = event.FSPath{Known: true, Hidden: "/srv/x"} })
		}, "/srv/x"},
		{"in a mount that shows all", inMount(10), "/dir/file", "", "/real/file", func(ev *event.Event) {
			ev.File = file(func(f *event.File) { f.FS = event.FSPath{Known: true, Shown: "/real/file"} })
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := based(event.KindOpen, headed(event.TypeOpenat2, 0))
			want.Event.Ret = 5
			tt.want(&want.Event)
			same(t, want, decoded(t, openRaw(tt.change, tt.raw, tt.dir, tt.path, tt.hidden)))
		})
	}
}

func TestCalls(t *testing.T) {
	for call, want := range map[bpfgen.SensorCall]event.Type{
		bpfgen.SensorCallCALL_OPEN: event.TypeOpen, bpfgen.SensorCallCALL_OPENAT: event.TypeOpenat,
		bpfgen.SensorCallCALL_OPENAT2: event.TypeOpenat2, bpfgen.SensorCallCALL_CREAT: event.TypeCreat,
		bpfgen.SensorCallCALL_OPEN_BY_HANDLE_AT: event.TypeOpenByHandleAt, bpfgen.SensorCallCALL_EXECVE: event.TypeExecve,
		bpfgen.SensorCallCALL_EXECVEAT: event.TypeExecveat, bpfgen.SensorCallCALL_NONE: event.TypeUnknown, 99: event.TypeUnknown,
	} {
		raw := openRaw(func(r *bpfgen.SensorOpenRecord) { r.Call = uint32(call) }, "/x", "", "/x")
		if got := decoded(t, raw).Event.Type; got != want {
			t.Errorf("call %d is %v, want %v", call, got, want)
		}
	}
}

func TestExec(t *testing.T) {
	image := event.Process{
		Key: event.Key{Tgid: 100, Start: 400}, ExecID: 9, Vpid: 10, Pgid: 61, Vpgid: 6, Sid: 60, Ppid: 50, Comm: "cat",
		ExePath: "/bin/cat", Filename: "./cat", Interp: "/bin/sh", ArgsLen: 100_000, Cwd: "/tmp", TTY: 34816, LoginUID: 9,
		UID: 7, EUID: 1000, GID: 8, EGID: 1001, CapInheritable: 1, CapPermitted: 2, CapEffective: 4, PidnsStart: 300, FDLimit: 1024,
		ExecTime: 500, ExeID: event.FileID{Dev: 8<<20 | 1, Ino: 5, Ctime: 6, Mtime: -7},
		ExeMode: 0o100644, ExeNlink: 2, ExeLayer: event.LayerLower, ExeWritable: true,
	}
	want := based(event.KindExec, headed(event.TypeExecveat, 0))
	want.Event.Filename, want.Image = "./cat", image
	want.Args, want.Env, want.ParentStart = "cat\x00/etc/passwd\x00", "A=1\x00B=2\x00", 30
	want.Ancestors = []event.Ancestor{
		{Key: event.Key{Tgid: 50, Start: 30}, Comm: "sh"}, {Key: event.Key{Tgid: 1, Start: 2}, Comm: "a name of 16 ch."},
	}
	t.Run("execveat", func(t *testing.T) {
		same(t, want, decoded(t, execRaw(bpfgen.SensorRecordTypeRECORD_EXEC, nil)))
	})
	t.Run("execve of a memory file with long arguments", func(t *testing.T) {
		w := *want
		w.Event.Type, w.Event.Flags = event.TypeExecve, event.FlagArgsTruncated|event.FlagEnvTruncated|event.FlagOutsideRoot
		w.Image.Flags, w.Image.ExeMemfd = w.Event.Flags, true
		same(t, &w, decoded(t, execRaw(bpfgen.SensorRecordTypeRECORD_EXEC, func(r *bpfgen.SensorExecRecord) {
			r.Call = uint32(bpfgen.SensorCallCALL_EXECVE)
			r.H.Flags = uint32(bpfgen.SensorRecordFlagsFLAG_ARGS_TRUNCATED | bpfgen.SensorRecordFlagsFLAG_ENV_TRUNCATED |
				bpfgen.SensorRecordFlagsFLAG_MEMFD | bpfgen.SensorRecordFlagsFLAG_OUTSIDE_ROOT)
		})))
	})
	t.Run("task without ancestors", func(t *testing.T) {
		w := *want
		w.Kind, w.Event.Type, w.Event.Filename = event.KindTask, event.TypeUnknown, ""
		w.Image.ExecTime, w.Image.KernelThread, w.Image.PidnsStart = 0, true, 0
		w.ParentStart, w.Ancestors = 0, []event.Ancestor{}
		same(t, &w, decoded(t, execRaw(bpfgen.SensorRecordTypeRECORD_TASK, func(r *bpfgen.SensorExecRecord) {
			r.H.Flags, r.AncestorsLen, r.PidnsStart = uint32(bpfgen.SensorRecordFlagsFLAG_KERNEL_THREAD), 0, 0
		})))
	})
}

func TestExeWritable(t *testing.T) {
	const override = 1 << 1 // CAP_DAC_OVERRIDE
	for _, tt := range []struct {
		name           string
		caps           uint64
		euid, egid     uint32
		mode, uid, gid uint32
		want           bool
	}{
		{"capability", override, 9, 9, 0o100555, 0, 0, true},
		{"root without the capability", 0, 0, 0, 0o100555, 0, 0, false},
		{"owner", 0, 9, 8, 0o100200, 9, 0, true},
		{"owner who may not, though others may", 0, 9, 8, 0o100022, 9, 8, false},
		{"group", 0, 9, 8, 0o100020, 0, 8, true},
		{"group that may not, though others may", 0, 9, 8, 0o100202, 0, 8, false},
		{"others", 0, 9, 8, 0o100002, 0, 0, true},
		{"others who may not", 0, 9, 8, 0o100220, 0, 0, false},
	} {
		raw := execRaw(bpfgen.SensorRecordTypeRECORD_EXEC, func(r *bpfgen.SensorExecRecord) {
			r.CapEffective, r.H.Euid, r.H.Egid, r.Exe.Mode, r.Exe.Uid, r.Exe.Gid = tt.caps, tt.euid, tt.egid, tt.mode, tt.uid, tt.gid
		})
		if got := decoded(t, raw).Image.ExeWritable; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFork(t *testing.T) {
	want := based(event.KindFork, headed(event.TypeUnknown, 0))
	want.ParentStart, want.ImageCgroup = 350, 4712
	want.Image = event.Process{
		Key: event.Key{Tgid: 200, Start: 450}, ExecID: 9, Vpid: 20, Pgid: 61, Vpgid: 6, Sid: 60, Ppid: 51, Comm: "sh",
		EUID: 2000, EGID: 2001, PidnsStart: 300,
	}
	same(t, want, decoded(t, forkRaw()))
}

func TestExit(t *testing.T) {
	for name, tt := range map[string]struct {
		code uint32
		want event.Exit
	}{
		"success":            {0, event.Exit{}},
		"failure":            {3 << 8, event.Exit{Code: 3 << 8, Ret: 3}},
		"255":                {255 << 8, event.Exit{Code: 255 << 8, Ret: 255}},
		"signal":             {9, event.Exit{Code: 9, Sig: 9}},
		"signal with a core": {11 | 0x80, event.Exit{Code: 11 | 0x80, Sig: 11, Core: true}},
	} {
		t.Run(name, func(t *testing.T) {
			want := based(event.KindExit, headed(event.TypeProcexit, 0))
			want.Event.Exit = tt.want
			want.Event.Exit.Reaper = 77
			same(t, want, decoded(t, exitRaw(tt.code)))
		})
	}
}

func TestFailedExec(t *testing.T) {
	for _, tt := range []struct {
		name      string
		call      bpfgen.SensorCall
		flags     bpfgen.SensorRecordFlags
		raw, dir  string
		typ       event.Type
		filename  string
		wantFlags event.Flags
	}{
		{"absolute", bpfgen.SensorCallCALL_EXECVE, 0, "/a/../b", "", event.TypeExecve, "/b", event.FlagUnverified},
		{"relative", bpfgen.SensorCallCALL_EXECVEAT, 0, "b", "/a", event.TypeExecveat, "/a/b", event.FlagUnverified},
		{"unreadable", bpfgen.SensorCallCALL_EXECVE, bpfgen.SensorRecordFlagsFLAG_RAW_TRUNCATED, "", "/a", event.TypeExecve, "",
			event.FlagUnverified | event.FlagRawTruncated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := based(event.KindExecFailed, headed(tt.typ, tt.wantFlags))
			want.Event.Ret, want.Event.DirFD, want.Event.Filename = -2, 6, tt.filename
			same(t, want, decoded(t, failedRaw(tt.call, tt.flags, tt.raw, tt.dir)))
		})
	}
}

func TestUring(t *testing.T) {
	want := based(event.KindUring, headed(event.TypeIoUringSetup, 0))
	want.Event.Ret = 9
	want.Event.Uring = event.Uring{SQEntries: 8, CQEntries: 16, Flags: 2, Known: true, Entries: 5, ThreadCPU: 3, ThreadIdle: 1000,
		Features: 0x7ff}
	same(t, want, decoded(t, uringRaw(nil)))

	want.Event.Uring = event.Uring{SQEntries: 8, CQEntries: 16, Flags: 2}
	same(t, want, decoded(t, uringRaw(func(r *bpfgen.SensorIoUringSetupRecord) {
		r.HasParams, r.Entries, r.SqThreadCpu, r.SqThreadIdle, r.Features = 0, 0, 0, 0, 0
	})))
}

// A failed call whose path was rewritten has both names, made absolute by the same directory.
func TestNameChanged(t *testing.T) {
	const flags = event.FlagUnverified | event.FlagNameChanged
	for _, tt := range []struct{ name, raw, exit, dir, given, atExit string }{
		{"absolute", "/a/../b", "/c/./d", "", "/b", "/c/d"},
		{"relative", "b", "../c", "/x/y", "/x/y/b", "/x/c"},
		{"one of them relative", "/b", "c", "/x", "/b", "/x/c"},
		{"clean and absolute", "/b", "/c", "/x", "/b", "/c"},
		{"emptied", "/b", "", "/x", "/b", "/x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open := &bpfgen.SensorOpenRecord{
				H: header, Ret: -2, Dirfd: 4, Call: uint32(bpfgen.SensorCallCALL_OPENAT),
				RawLen: uint32(len(tt.raw)), ExitRawLen: uint32(len(tt.exit)), DirLen: uint32(len(tt.dir)),
			}
			open.H.Flags = uint32(bpfgen.SensorRecordFlagsFLAG_NAME_CHANGED)
			want := based(event.KindOpen, headed(event.TypeOpenat, flags))
			want.Event.Ret, want.Event.DirFD, want.Event.Dir = -2, 4, tt.dir
			want.Event.File = event.File{Present: true, FD: -2, Raw: tt.raw, Given: tt.given, AtExit: tt.atExit}
			same(t, want, decoded(t, wire(open, &open.H, bpfgen.SensorRecordTypeRECORD_OPEN, tt.raw, tt.exit, tt.dir)))

			exec := &bpfgen.SensorExecFailedRecord{
				H: open.H, Ret: -2, Dirfd: 4, Call: uint32(bpfgen.SensorCallCALL_EXECVEAT),
				RawLen: open.RawLen, ExitRawLen: open.ExitRawLen, DirLen: open.DirLen,
			}
			want = based(event.KindExecFailed, headed(event.TypeExecveat, flags))
			want.Event.Ret, want.Event.DirFD, want.Event.Filename, want.Event.FilenameAtExit = -2, 4, tt.given, tt.atExit
			same(t, want, decoded(t, wire(exec, &exec.H, bpfgen.SensorRecordTypeRECORD_EXEC_FAILED, tt.raw, tt.exit, tt.dir)))
		})
	}
}

func TestCgroup(t *testing.T) {
	for typ, kind := range map[bpfgen.SensorRecordType]event.Kind{
		bpfgen.SensorRecordTypeRECORD_CGROUP_MKDIR: event.KindCgroupMade,
		bpfgen.SensorRecordTypeRECORD_CGROUP_RMDIR: event.KindCgroupRemoved,
	} {
		want := based(kind, headed(event.TypeUnknown, 0))
		want.Cgroup = event.Cgroup{ID: 4713, Path: "/kubepods/pod"}
		same(t, want, decoded(t, cgroupRaw(typ, "/kubepods/pod")))
	}
}

func TestCanary(t *testing.T) {
	want := based(event.KindCanary, headed(event.TypeUnknown, 0))
	want.Canary = 1<<40 + 1
	same(t, want, decoded(t, canaryRaw(want.Canary)))
}

func TestSignal(t *testing.T) {
	for origin, ptrace := range map[bpfgen.SensorSignalOrigin]bool{
		bpfgen.SensorSignalOriginSIGNAL_SENT: false, bpfgen.SensorSignalOriginSIGNAL_PTRACE: true,
	} {
		want := based(event.KindSignal, headed(event.TypeUnknown, 0))
		want.Signal = event.Signal{Number: 19, Ptrace: ptrace}
		same(t, want, decoded(t, signalRaw(19, origin)))
	}
}

// A record cut at any length is an error, whatever its header says of its size.
func TestTruncated(t *testing.T) {
	for name, raw := range samples() {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			var rec event.Record
			for n := range len(raw) {
				cut := aligned(raw[:n])
				if err := d.Decode(cut, &rec); !errors.Is(err, ErrShort) {
					t.Fatalf("%d of %d bytes, true size: %v", n, len(raw), err)
				}
				if n < 4 {
					continue
				}
				*(*uint32)(pointer(cut)) = uint32(n)
				if err := d.Decode(cut, &rec); !errors.Is(err, ErrShort) {
					t.Fatalf("%d of %d bytes, that size: %v", n, len(raw), err)
				}
			}
		})
	}
}

// Lengths that point past the end are errors, also those that overflow together.
func TestLengthsPastTheEnd(t *testing.T) {
	const huge = 1<<32 - 1
	for name, raw := range map[string][]byte{
		"raw":       openRaw(func(r *bpfgen.SensorOpenRecord) { r.RawLen++ }, "/a", "/b", "/c"),
		"dir":       openRaw(func(r *bpfgen.SensorOpenRecord) { r.DirLen = huge }, "/a", "/b", "/c"),
		"all":       openRaw(func(r *bpfgen.SensorOpenRecord) { r.RawLen, r.DirLen, r.PathLen = huge, huge, huge }, "/a", "/b", "/c"),
		"args":      execRaw(bpfgen.SensorRecordTypeRECORD_EXEC, func(r *bpfgen.SensorExecRecord) { r.ArgsLen = huge }),
		"ancestors": execRaw(bpfgen.SensorRecordTypeRECORD_EXEC, func(r *bpfgen.SensorExecRecord) { r.AncestorsLen = 9 }),
	} {
		var rec event.Record
		if err := new(Decoder).Decode(raw, &rec); !errors.Is(err, ErrShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownType(t *testing.T) {
	raw := exitRaw(0)
	for _, typ := range []uint8{0, uint8(bpfgen.SensorRecordTypeRECORD_TYPES), 255} {
		(*bpfgen.SensorRecordHeader)(pointer(raw)).Type = typ
		if err := new(Decoder).Decode(raw, new(event.Record)); err == nil {
			t.Errorf("type %d was decoded", typ)
		}
	}
}

// Reading a record leaves the ring as it is.
func TestDecodeWritesNothing(t *testing.T) {
	for name, raw := range samples() {
		was := bytes.Clone(raw)
		decoded(t, raw)
		if !bytes.Equal(was, raw) {
			t.Errorf("%s: the record was changed", name)
		}
	}
}

// An open costs no memory, whatever has to be done to its name.
func TestOpenAllocatesNothing(t *testing.T) {
	var d Decoder
	var rec event.Record
	for name, raw := range map[string][]byte{
		"absolute":   openRaw(nil, "/dir/file", "", "/dir/file"),
		"normalised": openRaw(nil, "/dir/../x//file", "", "/x/file"),
		"relative":   openRaw(nil, "../file", "/dir/a", "/dir/file"),
		"failed":     openRaw(func(r *bpfgen.SensorOpenRecord) { r.Ret = -2 }, "../file", "/dir/a", ""),
		"in a mount": openRaw(inMount(5), "/dir/file", "", "/mnt/file", "/srv"),
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := d.Decode(raw, &rec); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Whatever the bytes are, decoding ends, and what it returns lies within the record or the decoder.
func FuzzDecode(f *testing.F) {
	for _, raw := range samples() {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		raw := aligned(b)
		if len(raw) >= 4 {
			*(*uint32)(pointer(raw)) = uint32(len(raw)) // else nearly all inputs end there
		}
		d := new(Decoder)
		var rec event.Record
		if err := d.Decode(raw, &rec); err != nil {
			return
		}
		total := 0
		for _, s := range []string{
			rec.Event.File.Raw, rec.Event.File.Resolved, rec.Event.File.FS.Hidden, rec.Image.ExePath, rec.Image.Filename, rec.Image.Interp,
			rec.Image.Cwd,
			rec.Args, rec.Env, rec.Cgroup.Path,
		} {
			total += len(s)
			_ = bytes.Clone([]byte(s)) // reads it all
		}
		for i := range rec.Event.Params {
			p := &rec.Event.Params[i]
			for _, s := range []string{p.Text, p.Descriptor.Path, p.Descriptor.Socket.Name} {
				total += len(s)
			}
		}
		if total > len(raw) {
			t.Errorf("%d bytes of text in a record of %d", total, len(raw))
		}
		if rec.Kind == event.KindNone || len(rec.Ancestors) > len(d.ancestors) {
			t.Errorf("kind %d, %d ancestors", rec.Kind, len(rec.Ancestors))
		}
		_ = rec.Event.Clone()
	})
}
