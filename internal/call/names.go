package call

import (
	"slices"
	"strings"
)

// Names are the texts of a parameter's numbers, and the numbers that Falco has for them, which rules compare with
// (evt.rawarg.flags). They are in the order in which Falco prints them.
type Names struct {
	list []name
	// choice: one of the names applies, otherwise any number of bits.
	choice bool
	// other is Falco's number for a choice that has no name; passed on as it is if keep.
	other uint64
	keep  bool
}

// name is one of them: the kernel's number or bits, Falco's, and the text.
type name struct {
	kernel, falco uint64
	text          string
}

func bits(list ...name) *Names { return &Names{list: list} }

// choice is an enumeration whose unknown numbers are 0 for Falco.
func choice(list ...name) *Names { return &Names{list: list, choice: true} }

// orElse is Falco's number for what has no name.
func (n *Names) orElse(falco uint64) *Names {
	n.other = falco
	return n
}

// kept passes numbers without a name on as they are, and bits too: the kernel's numbers are Falco's.
func (n *Names) kept() *Names {
	n.keep = true
	return n
}

// Number turns the kernel's number into Falco's.
func (n *Names) Number(kernel uint64) uint64 {
	if n.keep && !n.choice {
		return kernel
	}
	var falco uint64
	for i := range n.list {
		v := &n.list[i]
		switch {
		case n.choice && v.kernel == kernel:
			return v.falco
		case !n.choice && v.kernel != 0 && kernel&v.kernel == v.kernel:
			falco |= v.falco
		}
	}
	switch {
	case !n.choice:
		return falco
	case n.keep:
		return kernel
	}
	return n.other
}

// Kernel turns Falco's bits back into the kernel's; bits without a name are left out.
func (n *Names) Kernel(falco uint64) (kernel uint64) {
	for i := range n.list {
		if v := &n.list[i]; v.falco != 0 && falco&v.falco == v.falco {
			kernel |= v.kernel
		}
	}
	return kernel
}

// Text names a number of Falco's; empty if it has no name. A name for no bit at all stands for the number 0.
func (n *Names) Text(falco uint64) string {
	if n.choice {
		for i := range n.list {
			if n.list[i].falco == falco {
				return n.alternatives(i, falco)
			}
		}
		return ""
	}
	text, left := "", falco
	for i := range n.list {
		v := &n.list[i]
		if v.falco == 0 && falco != 0 || v.falco != 0 && (left == 0 || left&v.falco != v.falco) {
			continue
		}
		if text != "" {
			text += "|"
		}
		text += v.text
		left &^= v.falco
	}
	return text
}

// Parse is the inverse of Text: it finds Falco's number for a name, for the several of a flag set with bars between them, and for those
// that one number of a choice has.
func (n *Names) Parse(text string) (falco uint64, ok bool) {
	for i, part := range strings.Split(text, "|") {
		at := slices.IndexFunc(n.list, func(v name) bool { return v.text == strings.TrimSpace(part) })
		if at < 0 || n.choice && i > 0 && n.list[at].falco != falco {
			return 0, false
		}
		falco |= n.list[at].falco
	}
	return falco, true
}

// Texts are all names.
func (n *Names) Texts() []string {
	texts := make([]string, len(n.list))
	for i := range n.list {
		texts[i] = n.list[i].text
	}
	return texts
}

// alternatives joins the names that one number has: AF_LOCAL and AF_UNIX.
func (n *Names) alternatives(from int, falco uint64) string {
	text := n.list[from].text
	for _, v := range n.list[from+1:] {
		if v.falco == falco {
			text += "|" + v.text
		}
	}
	return text
}
