package state

import (
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// maxAccounts bounds the users, and the groups, of one root file system; maxAccountSets for how many they are kept.
const (
	maxAccounts    = 1 << 16
	maxAccountSets = 1 << 12
)

// accountsOf are those of a container, or of the host for "".
func (s *State) accountsOf(container string) *event.Accounts {
	container = event.ShortID(container)
	a := s.accounts[container]
	if a == nil {
		a = &event.Accounts{Users: map[uint32]event.User{}, Groups: map[uint32]string{}}
		if len(s.accounts) < maxAccountSets {
			s.accounts[container] = a
		}
	}
	return a
}

// addUser and addGroup keep an account; a name that begins with a sign is none, but stands for others (nsswitch.conf).
func (s *State) addUser(container string, uid uint32, u event.User) {
	a := s.accountsOf(container)
	if len(a.Users) < maxAccounts && !borrowed(u.Name) {
		a.Users[uid] = u
	}
}

func (s *State) addGroup(container string, gid uint32, name string) {
	a := s.accountsOf(container)
	if len(a.Groups) < maxAccounts && !borrowed(name) {
		a.Groups[gid] = name
	}
}

func borrowed(name string) bool { return name != "" && (name[0] == '+' || name[0] == '-') }

// account is a notice that an account is known, or not any more.
func (s *State) account(n *now) {
	id := n.u32(0)
	switch n.ev.Code {
	case schema.UserAddedE:
		s.addUser(n.view(5), id, event.User{Name: n.str(2), Home: n.str(3), Shell: n.str(4)})
	case schema.UserDeletedE:
		delete(s.accountsOf(n.view(5)).Users, id)
	case schema.GroupAddedE:
		s.addGroup(n.view(2), id, n.str(1))
	case schema.GroupDeletedE:
		delete(s.accountsOf(n.view(2)).Groups, id)
	}
}
