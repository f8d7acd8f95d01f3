package engine

import (
	"math/bits"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// NameParts gives parts of which the name of an opened file must have at least one for the rule to match an open of this type; see
// [filter.Filter.NameParts].
func (r *Rule) NameParts(t event.Type) (parts []filter.NamePart, any bool) {
	if !r.Types.Has(t) {
		return nil, false
	}
	return r.filter.NameParts([]event.Type{t})
}

// JudgedBy lists the fields of the condition's part about processes; none if it has no such part.
func (r *Rule) JudgedBy() []string {
	reduced := r.filter.Reduce(ofProcess)
	if reduced.Always() {
		return nil
	}
	var names []string
	for _, f := range reduced.Fields() {
		names = append(names, f.String())
	}
	return names
}

// Judge answers which rules may match any event of a process, by what the process is. Not safe for several goroutines at once.
type Judge struct {
	bundles []judgeBundle
	// always are the bits of the rules that say nothing of processes.
	always  uint64
	scratch *Scratch
}

type judgeBundle struct {
	*filter.Bundle
	bits []uint64
}

// NewJudge prepares the rules' parts about processes. bits are the bits of each rule in the answer.
func NewJudge(rules []*Rule, bits []uint64) *Judge {
	j := &Judge{scratch: NewScratch()}
	var filters []*filter.Filter
	var masks []uint64
	var types event.TypeSet
	for i, r := range rules {
		reduced := r.filter.Reduce(ofProcess)
		if reduced.Always() {
			j.always |= bits[i]
			continue
		}
		filters, masks = append(filters, reduced), append(masks, bits[i])
		types.Union(&r.Types)
	}
	for len(filters) > 0 {
		n := min(len(filters), filter.BundleSize)
		bundle := filter.NewBundle(filters[:n], types.Types(), func(string) bool { return false })
		j.bundles = append(j.bundles, judgeBundle{bundle, masks[:n]})
		filters, masks = filters[n:], masks[n:]
	}
	return j
}

// Mask gives the bits of the rules that may match an event of ev's process in its container.
func (j *Judge) Mask(ev *event.Event) uint64 {
	mask := j.always
	ev.Matched = event.NameGiven
	for i := range j.bundles {
		b := &j.bundles[i]
		found := b.Candidates(ev, j.scratch)
		for due := found.All(); due != 0; due &= due - 1 {
			n := bits.TrailingZeros64(due)
			if mask&b.bits[n] != b.bits[n] && b.Rest(n, ev, j.scratch) {
				mask |= b.bits[n]
			}
		}
	}
	return mask
}

// ofProcess tells whether a field has one value in all events of a process's image, as long as its user, its cgroup and its ancestors
// are the same. What follows the clock, names of accounts and pods, which may become known or change, and what is looked up by another
// process's id are not among them.
func ofProcess(ref *field.Ref) bool {
	switch ref.Name {
	case "proc.name", "proc.exe", "proc.exepath", "proc.exeline", "proc.cmdline", "proc.args", "proc.cmdnargs", "proc.cmdlenargs",
		"proc.tty", "proc.script", "proc.env", "proc.pid", "proc.vpid", "proc.ppid",
		"proc.pname", "proc.pexe", "proc.pexepath", "proc.pcmdline", "proc.pvpid",
		"proc.aname", "proc.aexe", "proc.aexepath", "proc.acmdline", "proc.aargs", "proc.apid",
		"proc.is_exe_writable", "proc.is_exe_upper_layer", "proc.is_exe_lower_layer", "proc.is_exe_from_memfd", "proc.exe_ino",
		"user.uid", "user.loginuid", "group.gid",
		"container.id", "container.full_id", "container.name", "container.type", "container.privileged",
		"container.image", "container.image.id", "container.image.repository", "container.image.tag", "container.image.digest",
		"container.host_pid", "container.host_network", "container.host_ipc":
		return true
	}
	return false
}
