package field

import "github.com/saker-sensor/saker/internal/event"

// userFields describe the effective user, as Falco's do: a set-uid program runs as its owner. Names come from the
// container's own files, or the host's; an unknown name is the text "<NA>".
func userFields() []Info {
	user := func(name, doc string, get func(event.User) string) Info {
		return procText(name, doc, func(ev *event.Event, p *event.Process) string {
			u, _ := ev.Accounts.User(p.EUID)
			return orNA(get(u))
		})
	}
	return []Info{
		procNumber("user.uid", Uint32, ID, "Number of the effective user.",
			func(_ *event.Event, p *event.Process) int64 { return int64(p.EUID) }),
		user("user.name", "Name of the effective user.", func(u event.User) string { return u.Name }),
		user("user.homedir", "Home directory of the effective user.", func(u event.User) string { return u.Home }),
		user("user.shell", "Login shell of the effective user.", func(u event.User) string { return u.Shell }),
		procNumber("user.loginuid", Int64, ID, "Number of the user who logged in; -1 if nobody did.",
			func(_ *event.Event, p *event.Process) int64 {
				if int64(p.LoginUID) == unsetID {
					return -1
				}
				return int64(p.LoginUID)
			}),
		procText("user.loginname", "Name of the user who logged in.", func(ev *event.Event, p *event.Process) string {
			if int64(p.LoginUID) == unsetID {
				return na
			}
			u, _ := ev.Accounts.User(p.LoginUID)
			return orNA(u.Name)
		}),
	}
}

func groupFields() []Info {
	return []Info{
		procNumber("group.gid", Uint32, ID, "Number of the effective group.",
			func(_ *event.Event, p *event.Process) int64 { return int64(p.EGID) }),
		procText("group.name", "Name of the effective group.", func(ev *event.Event, p *event.Process) string {
			name, _ := ev.Accounts.Group(p.EGID)
			return orNA(name)
		}),
	}
}

func orNA(s string) string {
	if s == "" {
		return na
	}
	return s
}
