package field

import (
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// pathRoles are the parameters of a call that its fs.path.* fields show; -1: it has none of that role.
type pathRoles struct{ name, source, target int }

// roles says which parameters have which role, by type. The source of a link is the name that it makes, its target what that leads
// to; the source of a rename is the old name.
func roles(rows []call.Row) map[event.Type]pathRoles {
	found := map[event.Type]pathRoles{}
	for _, r := range rows {
		at := func(name string) int { return paramOf(&r, name) }
		switch r.Name {
		case "rename", "renameat", "renameat2":
			found[r.Type] = pathRoles{-1, at("oldpath"), at("newpath")}
		case "link", "linkat":
			found[r.Type] = pathRoles{-1, at("newpath"), at("oldpath")}
		case "symlink", "symlinkat":
			found[r.Type] = pathRoles{-1, at("linkpath"), at("target")}
		case "mount":
			found[r.Type] = pathRoles{-1, at("dev"), at("dir")}
		case "mkdir", "mkdirat", "mknod", "mknodat", "chroot", "rmdir", "unlink", "unlinkat", "chmod",
			"fchmodat", "chown", "lchown", "fchownat", "umount", "umount2",
			"quotactl":
			for i := range r.Params {
				if t := r.Params[i].Type; t == FSPath || t == FSRelPath {
					found[r.Type] = pathRoles{i, -1, -1}
				}
			}
		case "fchmod", "fchown":
			found[r.Type] = pathRoles{at("fd"), -1, -1}
		}
	}
	return found
}

// fsPath are the paths of calls that name a file, opens among them. They have a value only if the call succeeded; of an open,
// as in Falco, also if it failed.
func fsPath(rows []call.Row) []Info {
	byType := roles(rows)
	of := func(name, doc string, which func(pathRoles) int, show func(*event.Event, *event.Param) string) Info {
		return text(name, doc, func(ev *event.Event) (string, bool) {
			r, ok := byType[ev.Type]
			if !ok {
				return "", false
			}
			i := which(r)
			if i < 0 || i >= len(ev.Params) || ev.Failed() {
				return "", false
			}
			s := show(ev, &ev.Params[i])
			return s, s != ""
		})
	}
	name := func(r pathRoles) int { return r.name }
	source := func(r pathRoles) int { return r.source }
	target := func(r pathRoles) int { return r.target }
	raw := func(_ *event.Event, p *event.Param) string {
		if p.Text == "" {
			return p.Descriptor.Path
		}
		return p.Text
	}
	// A text that the kernel takes for no path (the target of a symbolic link, the source of a mount) starts from the working
	// directory, as Falco has it.
	absolute := func(ev *event.Event, p *event.Param) string {
		switch {
		case p.Given != "":
			return p.Given
		case p.Text == "":
			return p.Descriptor.Path
		}
		v := Value{Str: p.Text}
		if full := absMeaning(ev, &v); full != "" {
			return full
		}
		return p.Text
	}
	captured := func(role int, in Info) Info {
		other := in.Extract
		in.Extract = func(ev *event.Event, a Arg, v *Value) bool {
			if ev.Captured != nil {
				v.Str = ev.Captured.Paths[role]
				return v.Str != ""
			}
			return other(ev, a, v)
		}
		return in
	}
	opened := func(in Info, get func(*event.Event) (string, bool)) Info {
		other := in.Extract
		in.Extract = func(ev *event.Event, a Arg, v *Value) (ok bool) {
			if namesPath(ev) {
				v.Str, ok = get(ev)
				return ok
			}
			return other(ev, a, v)
		}
		return in
	}
	return []Info{
		captured(0, opened(of("fs.path.name", "Path that the call is about, made absolute.", name, absolute), fdName)),
		opened(of("fs.path.nameraw", "The same as the caller gave it.", name, raw), func(ev *event.Event) (string, bool) {
			return ev.File.Raw, ev.File.Raw != ""
		}),
		captured(1, of("fs.path.source", "Source of a rename, a link or a mount, made absolute.", source, absolute)),
		of("fs.path.sourceraw", "The same as the caller gave it.", source, raw),
		captured(2, of("fs.path.target", "Target of a rename, a link or a mount, made absolute.", target, absolute)),
		of("fs.path.targetraw", "The same as the caller gave it.", target, raw),
	}
}

// namesPath: of the opens, Falco leaves out creat and open_by_handle_at here.
func namesPath(ev *event.Event) bool {
	switch ev.Type {
	case event.TypeOpen, event.TypeOpenat, event.TypeOpenat2:
		return true
	}
	return false
}
