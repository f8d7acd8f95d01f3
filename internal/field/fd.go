package field

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// The fields of a failed open follow Falco: fd.num is -1, whatever the error was (old rules compare it to -1; the
// error is in evt.rawres and evt.res). fd.name, fd.nameraw and fd.directory come from the caller's path, fd.typechar is
// "f", as if a file had been opened, but "o" for open(2) itself. Everything else is missing, fd.filename too.

// fdFile are the fields of any descriptor, as far as they make sense for one of a file.
func fdFile() []Info {
	// opened wraps a test of a file that was opened.
	opened := func(name, doc string, test func(*event.File) bool) Info {
		return boolean(name, doc, func(ev *event.Event) (bool, bool) { return test(&ev.File), isOpened(ev) })
	}
	id := func(name string, t Type, f Format, doc string, get func(event.FileID) int64) Info {
		return number(name, t, f, doc, func(ev *event.Event) (int64, bool) {
			if p := otherDescriptor(ev); p != nil && ev.Captured != nil {
				return get(p.Descriptor.ID), p.Descriptor.Kind != event.KindUnknown
			}
			return get(ev.File.ID), isOpened(ev)
		})
	}
	return []Info{
		number("fd.num", Int64, ID, "Number of the file descriptor; -1 if the open failed.", fdNumber),
		text("fd.type", "Kind of descriptor: file, directory, ipv4, ipv6, unix, pipe, event, ….", func(ev *event.Event) (string, bool) {
			if p := otherDescriptor(ev); p != nil {
				return kindWord(&p.Descriptor), p.Descriptor.Kind != event.KindUnknown
			}
			switch {
			case isRing(ev):
				return "io_uring", true
			case isDir(ev):
				return "directory", true
			}
			return "file", isOpened(ev)
		}),
		{Name: "fd.typechar", Doc: "The same as one character: f file, d directory, 4, 6, u unix, p pipe, e event, ….",
			Extract: ignoreArg(fileTypeChar)},
		{Name: "fd.name", Doc: "Full path of the file, or both ends of a connection.", Cost: 1, Extract: ignoreArg(fileName)},
		text("fd.directory", "Directory of the file; of a directory, the directory itself.", fileDirectory).beginning("fd.name"),
		text("fd.filename", "Last part of the file's path.", func(ev *event.Event) (string, bool) {
			name, ok := fdName(ev)
			if !ok || !isOpened(ev) || namesDir(ev) {
				return "", false
			}
			switch i := strings.LastIndexByte(name, '/'); {
			case i < 0 && ev.Captured != nil:
				return "/", true // as Falco says of a path that could not be made absolute
			case i < len(name)-1:
				return name[i+1:], true
			}
			return name, true
		}),
		text("fd.nameraw", "Path as the caller gave it, not made absolute.", func(ev *event.Event) (string, bool) {
			if otherDescriptor(ev) != nil {
				return "", true
			}
			if ev.Type == event.TypeOpenByHandleAt {
				return fdName(ev) // the caller gave no path
			}
			return singleSlashes(ev.File.Raw), ev.File.Present || isRing(ev)
		}),
		text("fd.uid", "Thread and number of the descriptor, one behind the other.", func(ev *event.Event) (string, bool) {
			n, ok := fdNumber(ev)
			if !ok {
				return "", false
			}
			return strconv.Itoa(int(ev.Tid)) + strconv.FormatInt(n, 10), true
		}).costly(),
		text("fd.containername", "Container's id, a colon, and the name.", func(ev *event.Event) (string, bool) {
			name, ok := fdName(ev)
			if !ok {
				return "", false
			}
			return ev.ContainerID + ":" + name, true
		}).costly(),
		text("fd.containerdirectory", "Container's id, a colon, and the directory.", func(ev *event.Event) (string, bool) {
			dir, ok := fileDirectory(ev)
			if !ok {
				return "", false
			}
			return ev.ContainerID + ":" + dir, true
		}).costly(),
		id("fd.dev", Int32, Hex, "Number of the device that holds the file.", func(i event.FileID) int64 { return userDev(i.Dev) }),
		id("fd.dev.major", Int32, Dec, "Major number of that device.", func(i event.FileID) int64 { return int64(i.Dev >> 20) }),
		id("fd.dev.minor", Int32, Dec, "Minor number of that device.", func(i event.FileID) int64 { return int64(i.Dev & (1<<20 - 1)) }),
		id("fd.ino", Int64, Dec, "Inode number of the file.", func(i event.FileID) int64 { return int64(i.Ino) }),
		fdTypes(),
		opened("fd.is_upper_layer", "Whether the file is in the upper layer of an overlay: written since the container was made.",
			func(f *event.File) bool {
				return f.Layer == event.LayerUpper
			}),
		opened("fd.is_lower_layer", "Whether the file is in a lower layer of an overlay: from the image.", func(f *event.File) bool {
			return f.Layer == event.LayerLower
		}),
	}
}

// fdNumber is fd.num.
func fdNumber(ev *event.Event) (int64, bool) {
	if p := descriptorOf(ev); p != nil {
		return max(p.Num, -1), true
	}
	return max(ev.Ret, -1), ev.File.Present || isRing(ev)
}

func fdAdditive() []Info {
	return []Info{
		text("fd.name.given", "Path as the caller gave it, made absolute by text alone, as Falco's fd.name.",
			func(ev *event.Event) (string, bool) {
				return ev.File.Given, ev.File.Given != ""
			}).with(Additive),
		text("fd.name.resolved", "Path of the opened file itself, as the kernel knows it; missing for a failed open.",
			func(ev *event.Event) (string, bool) {
				return ev.File.Resolved, ev.File.Resolved != ""
			}).with(Additive),
		text("fd.name.exit",
			"Path of a failed open or exec when it returned, made absolute; missing unless that is another one than at its begin.",
			func(ev *event.Event) (string, bool) {
				name := ev.File.AtExit
				if !ev.File.Present {
					name = ev.FilenameAtExit
				}
				return name, name != ""
			}).with(Additive),
		text("fd.name.source",
			"Path of the opened file on the host, whatever mount or chroot it was reached by; missing where that is fd.name.resolved. "+
				"Of a file in a container's own root, the path from there.", func(ev *event.Event) (string, bool) {
				return ev.File.Source, ev.File.Source != ""
			}).with(Additive),
		text("fd.name.watched", "A name in a rule that is a hard link to the opened file, if fd.name is another.",
			func(ev *event.Event) (string, bool) {
				return ev.File.Watched, ev.File.Watched != ""
			}).with(Additive),
		text("fd.name.matched", "Which of the file's names fd.name is at the moment: given, resolved, source or watched.",
			func(ev *event.Event) (string, bool) {
				return ev.Matched.String(), ev.File.Present
			}).with(Additive),
	}
}

// isOpened tells whether the event has a descriptor of an opened file.
func isOpened(ev *event.Event) bool {
	return ev.File.Present && (!ev.Failed() || descriptorOf(ev) != nil)
}

// isRing: the descriptor is a ring of io_uring, which has no name.
func isRing(ev *event.Event) bool { return ev.Type == event.TypeIoUringSetup && !ev.Failed() }

// isDir: all that was opened by path and is no directory counts as a file, also a device or a named pipe, as in Falco.
func isDir(ev *event.Event) bool {
	return isOpened(ev) && ev.File.InodeMode&unix.S_IFMT == unix.S_IFDIR
}

// namesDir: the name is that of a directory. The file itself need not be one: one without a name (O_TMPFILE) is made in it.
func namesDir(ev *event.Event) bool {
	return isDir(ev) || isOpened(ev) && ev.File.OpenFlags&kernelTmpfile == kernelTmpfile
}

// fdName is fd.name: the name that the rules see at the moment, or the resolved one where the caller gave no path
// (open_by_handle_at).
func fdName(ev *event.Event) (string, bool) {
	name := ev.File.NameOf(ev.Matched)
	if name == "" {
		name = ev.File.Resolved
	}
	return name, name != "" || isRing(ev)
}

func fileName(ev *event.Event, v *Value) (ok bool) {
	if p := otherDescriptor(ev); p != nil {
		setDescriptorName(&p.Descriptor, v)
		return true
	}
	v.Str, ok = fdName(ev)
	return ok
}

func fileTypeChar(ev *event.Event, v *Value) bool {
	if p := otherDescriptor(ev); p != nil {
		_, char := kindOf(&p.Descriptor)
		v.Str = charText(char)
		return true
	}
	switch {
	case isRing(ev):
		v.Str = "r"
	case !ev.File.Present:
		return false
	case isDir(ev):
		v.Str = "d"
	case ev.Failed() && (ev.Type == event.TypeOpen || ev.Type == event.TypeOpenByHandleAt):
		v.Str = "o" // no kind is known, Falco says
	default:
		v.Str = "f"
	}
	return true
}

func fileDirectory(ev *event.Event) (string, bool) {
	if p := otherDescriptor(ev); p != nil {
		if p.Descriptor.Kind != event.KindUnknown {
			return "", false
		}
		if p.Descriptor.Captured != nil {
			return folderOf(p.Descriptor.Captured.Name), true
		}
		return "/", true // as Falco says of a descriptor that it does not know
	}
	name, ok := fdName(ev)
	if !ok || namesDir(ev) || isRing(ev) {
		return name, ok && !isRing(ev)
	}
	return folderOf(name), true
}

// folderOf is a name without its last part.
func folderOf(name string) string {
	switch i := strings.LastIndexByte(name, '/'); {
	case i <= 0:
		return "/"
	case i < len(name)-1:
		return name[:i]
	}
	return name
}

// userDev is a device number as stat(2) encodes it, which Falco shows; see [event.FileID].
func userDev(dev uint32) int64 {
	major, minor := dev>>20, dev&(1<<20-1)
	return int64(minor&0xff | major<<8 | (minor&^0xff)<<12)
}

// singleSlashes drops repeated slashes.
func singleSlashes(s string) string {
	if !strings.Contains(s, "//") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		if s[i] != '/' || i == 0 || s[i-1] != '/' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func ignoreArg(get func(*event.Event, *Value) bool) func(*event.Event, Arg, *Value) bool {
	return func(ev *event.Event, _ Arg, v *Value) bool { return get(ev, v) }
}
