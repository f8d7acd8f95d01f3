package enrich

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/event"
)

const (
	maxAccounts     = 8192
	maxAccountBytes = 4096
)

// accountFiles are the states of /etc/passwd and /etc/group when they were last read.
type accountFiles struct{ passwd, group fileState }

// readAccounts reads a root's users and groups. It returns nil accounts if neither file has changed since old. A root
// without the files has empty accounts. If one file cannot be read, the other still counts, and the error is
// returned with it.
func readAccounts(root layers, old accountFiles, had *event.Accounts) (*event.Accounts, accountFiles, error) {
	passwd, passwdState, passwdChanged, passwdErr := root.read("etc/passwd", old.passwd)
	group, groupState, groupChanged, groupErr := root.read("etc/group", old.group)
	err := errors.Join(passwdErr, groupErr)
	state := accountFiles{passwd: passwdState, group: groupState}
	if had != nil && !passwdChanged && !groupChanged {
		return nil, state, err
	}
	accounts := &event.Accounts{Users: parsePasswd(passwd), Groups: parseGroup(group)}
	if had != nil && !passwdChanged {
		accounts.Users = had.Users
	}
	if had != nil && !groupChanged {
		accounts.Groups = had.Groups
	}
	return accounts, state, err
}

// parsePasswd reads passwd(5): name:password:uid:gid:comment:home:shell. Of several users with one id the first counts,
// as with getpwuid(3). Lines of another form are passed over.
func parsePasswd(text []byte) map[uint32]event.User {
	users := map[uint32]event.User{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(line) > maxAccountBytes || len(f) < 7 || f[0] == "" || strings.HasPrefix(f[0], "#") || len(users) == maxAccounts {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if _, known := users[uint32(uid)]; err != nil || known {
			continue
		}
		users[uint32(uid)] = event.User{
			Name: strings.Clone(f[0]), Home: strings.Clone(f[5]), Shell: strings.Clone(f[6]),
		}
	}
	return users
}

// parseGroup reads group(5): name:password:gid:members.
func parseGroup(text []byte) map[uint32]string {
	groups := map[uint32]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 4)
		if len(f) < 3 || f[0] == "" || len(f[0]) > maxAccountBytes || strings.HasPrefix(f[0], "#") || len(groups) == maxAccounts {
			continue
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if _, known := groups[uint32(gid)]; err != nil || known {
			continue
		}
		groups[uint32(gid)] = strings.Clone(f[0])
	}
	return groups
}

// reader reads account files with a bound on time: a file system of the container's own making (FUSE) may never
// answer, and then only one of the reader's few slots is lost.
type reader struct {
	slots    chan struct{}
	timeout  time.Duration
	counters *counters
}

func newReader(c *counters) *reader {
	return &reader{slots: make(chan struct{}, 8), timeout: 200 * time.Millisecond, counters: c}
}

type accountsAnswer struct {
	accounts *event.Accounts
	files    accountFiles
	err      error
}

var errTooSlow = errors.New("the file system does not answer")

// read is readAccounts, given up after a while. done is called when the files are no longer needed.
func (r *reader) read(root layers, old accountFiles, had *event.Accounts, done func()) (*event.Accounts, accountFiles, error) {
	select {
	case r.slots <- struct{}{}:
	default:
		done()
		r.counters.accountsFailed.Add(1)
		return nil, old, errTooSlow
	}
	answer := make(chan accountsAnswer, 1)
	go func() {
		defer func() {
			if recover() != nil {
				r.counters.panics.Add(1)
			}
			done()
			<-r.slots
		}()
		a, files, err := readAccounts(root, old, had)
		answer <- accountsAnswer{a, files, err}
	}()
	timeout := time.NewTimer(r.timeout)
	defer timeout.Stop()
	select {
	case a := <-answer:
		if a.err != nil {
			r.counters.accountsFailed.Add(1)
		}
		return a.accounts, a.files, a.err
	case <-timeout.C:
		r.counters.accountsFailed.Add(1)
		return nil, old, errTooSlow
	}
}
