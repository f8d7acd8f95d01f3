package field

import "github.com/saker-sensor/saker/internal/event"

// fsPath are the paths of calls that name a file, opens among them. They have a value only if the call succeeded; of an open,
// as in Falco, also if it failed.
func fsPath() []Info {
	return []Info{
		text("fs.path.name", "Path that the call is about, made absolute.", func(ev *event.Event) (string, bool) {
			name, ok := fdName(ev)
			return name, ok && namesPath(ev)
		}),
		text("fs.path.nameraw", "The same as the caller gave it.", func(ev *event.Event) (string, bool) {
			return ev.File.Raw, ev.File.Raw != "" && namesPath(ev)
		}),
		absentText("fs.path.source", "Source of a rename, a link or a mount, made absolute."),
		absentText("fs.path.sourceraw", "The same as the caller gave it."),
		absentText("fs.path.target", "Target of a rename, a link or a mount, made absolute."),
		absentText("fs.path.targetraw", "The same as the caller gave it."),
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
