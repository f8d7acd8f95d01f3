package state

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// pathParams are the parameters that fs.path.name, .source and .target show, 0 if the call has none of that kind; none shows its own
// result. Where a relative path starts is as odd as in Falco.
type pathParams struct {
	name, source, target int
	from                 start
}

// start is where a relative path starts; zero is the working directory, whatever directory descriptor the call has.
type start uint8

const (
	// fromFD: from the descriptor that the event is about, also for AT_FDCWD: there is none then.
	fromFD start = iota + 1
	// sourceFromFD is fromFD for the source; a target starts nowhere.
	sourceFromFD
	// fromDirs: each from the descriptor in front of it.
	fromDirs
	// isFD: the name is the descriptor's own.
	isFD
)

func pathsOf(code uint16) (pathParams, bool) {
	switch code {
	case schema.MkdirV2X, schema.RmdirV2X, schema.UnlinkV2X, schema.ChmodX, schema.ChownX, schema.LchownX, schema.QuotactlX, schema.UmountV1X,
		schema.Umount2X:
		return pathParams{name: 1}, true
	case schema.MkdiratX, schema.UnlinkatV2X, schema.FchmodatX, schema.FchownatX:
		return pathParams{name: 2, from: fromFD}, true
	case schema.FchmodX, schema.FchownX:
		return pathParams{name: 1, from: isFD}, true
	case schema.RenameX:
		return pathParams{source: 1, target: 2}, true
	case schema.RenameatX:
		return pathParams{source: 2, target: 4}, true
	case schema.Renameat2X:
		return pathParams{source: 2, target: 4, from: fromDirs}, true
	case schema.LinkV2X:
		return pathParams{source: 2, target: 1}, true
	case schema.LinkatV2X:
		return pathParams{source: 4, target: 2}, true
	case schema.SymlinkX:
		return pathParams{source: 2, target: 1}, true
	case schema.SymlinkatX:
		return pathParams{source: 3, target: 1, from: sourceFromFD}, true
	case schema.MountX:
		return pathParams{source: 1, target: 2}, true
	}
	return pathParams{}, false
}

// publishPaths sets the paths of a call that succeeded.
func (s *State) publishPaths(n *now, out *event.Event) {
	p, ok := pathsOf(n.ev.Code)
	if !ok || n.thread == nil || !n.has(0) || out.Ret != 0 {
		return
	}
	for role, i := range [...]int{p.name, p.source, p.target} {
		if i == 0 {
			continue
		}
		path := n.view(i)
		if p.from == isFD {
			if path = ""; n.fd != nil {
				path = n.fd.name
			}
		} else if !n.has(i) {
			continue
		}
		dir := ""
		if !strings.HasPrefix(path, "/") {
			dir = s.startOf(n, &p, role, i)
		}
		if path != "" {
			s.out.captured.Paths[role] = join(dir, path)
		}
	}
}

// startOf is the directory that a relative path starts from.
func (s *State) startOf(n *now, p *pathParams, role, i int) string {
	const source = 1
	switch {
	case p.from == fromFD, p.from == sourceFromFD && role == source:
		if n.fd == nil || n.fd.kind != kindDirectory {
			return unknownDir
		}
		if n.fd.name == "" {
			return ""
		}
		return withSlash(n.fd.name)
	case p.from == sourceFromFD:
		return unknownDir
	case p.from == fromDirs:
		return n.dir("", n.int(i-1))
	}
	return n.thread.cwd()
}

// publishOpenPath sets the path of an open, also of one that failed.
func (s *State) publishOpenPath(n *now, out *event.Event) {
	path := ""
	switch n.ev.Code {
	case schema.OpenX:
		if path = n.view(1); !strings.HasPrefix(path, "/") {
			path = join(n.thread.cwd(), path)
		}
	case schema.OpenatV2X, schema.Openat2X:
		switch path = n.view(2); {
		case strings.HasPrefix(path, "/"):
		case n.fd != nil:
			path = n.fd.name
		default:
			path = unknownDir
		}
	}
	if path != "" && out.Ret != -1 {
		s.out.captured.Paths[0] = join("", path)
	}
}
