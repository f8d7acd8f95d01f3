package filter

import (
	"cmp"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// NamePart is something that a file's name may have: one of what a condition needs; see [Filter.NameParts].
type NamePart struct {
	Kind NamePartKind
	Text string
}

// NamePartKind says which part of a name a text is. The names are absolute and in their normal form: without empty components, "." and
// "..", and without a slash at the end.
type NamePartKind uint8

// The order is that of what they leave over: a part further up fits fewer names.
const (
	// NameWhole is the name. The root directory has the empty text here and below.
	NameWhole NamePartKind = iota
	// NameDirectory is the directory that the file is in.
	NameDirectory
	// NameLast is the last component.
	NameLast
	// NameComponent is any component.
	NameComponent
	// NameTail are the last 4 bytes of the last component.
	NameTail
	// NameBelow is the name or a directory above it.
	NameBelow
	// NameHead are the first 3 bytes of the first component.
	NameHead
)

// Lengths of the texts of NameHead and NameTail, in bytes.
const (
	headBytes = 3
	tailBytes = 4
)

// NameParts gives parts of which a file's name must have at least one for the condition to be true of an event of one of these types,
// which open files, whatever else is true of it. any: no such list is known. An empty list means that only names that are not in their
// normal form will do, as the caller gave them.
func (f *Filter) NameParts(types []event.Type) (parts []NamePart, any bool) {
	fold := folder{types: types}
	n := nameNeed(fold.fold(f.root))
	slices.SortFunc(n.parts, func(a, b NamePart) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text)) })
	return slices.Compact(n.parts), n.any
}

// need is what must be true of a name: one of the parts, or anything.
type need struct {
	any   bool
	parts []NamePart
}

func needs(parts ...NamePart) need { return need{parts: parts} }

// or: this need or another one.
func (n need) or(o need) need {
	return need{any: n.any || o.any, parts: slices.Concat(n.parts, o.parts)}
}

// weaker compares two needs by what they leave over.
func (n need) weaker(o need) bool {
	if n.any || o.any {
		return n.any && !o.any
	}
	return cmp.Or(cmp.Compare(n.worst(), o.worst()), cmp.Compare(len(n.parts), len(o.parts))) > 0
}

// worst is the place of the part that fits most names.
func (n need) worst() int {
	worst := -1
	for _, p := range n.parts {
		worst = max(worst, int(p.Kind))
	}
	return worst
}

// strongest is the need that leaves least over; all of them must hold.
func strongest(all []need) need {
	best := need{any: true}
	for _, n := range all {
		if best.weaker(n) {
			best = n
		}
	}
	return best
}

func nameNeed(n node) need {
	switch n := n.(type) {
	case constNode:
		return need{any: bool(n)} // what is never true needs what no name has
	case andNode:
		all := make([]need, len(n))
		for i, p := range n {
			all[i] = nameNeed(p)
		}
		return strongest(all)
	case orNode:
		var sum need
		for _, p := range n {
			sum = sum.or(nameNeed(p))
		}
		return sum
	case *testNode:
		if n.mode == testOne && n.src.ref != nil && !n.src.list {
			return nameTest(n.src.ref.Name, n.pred)
		}
	}
	return need{any: true}
}

// nameTest is the need of a test of one field.
func nameTest(name string, p pred) need {
	switch p := p.(type) {
	case allPred:
		all := make([]need, len(p))
		for i, q := range p {
			all[i] = nameTest(name, q)
		}
		return strongest(all)
	case anyPred:
		var sum need
		for _, q := range p {
			sum = sum.or(nameTest(name, q))
		}
		return sum
	}
	switch name {
	case "fd.name":
		return wholeName(p)
	case "fd.directory":
		return directoryName(p)
	case "fd.filename":
		if in, ok := p.(*textIn); ok {
			return each(in.set.items, lastComponent)
		}
	case "fd.nameraw":
		return rawName(p)
	}
	return need{any: true}
}

func each(texts []string, f func(string) need) need {
	var sum need
	for _, t := range texts {
		sum = sum.or(f(t))
	}
	return sum
}

func wholeName(p pred) need {
	switch p := p.(type) {
	case *textIn:
		return each(p.set.items, func(text string) need { return clean(NameWhole, text) })
	case *textPrefix:
		return each(p.entries, begins)
	case *textSuffix:
		return ends(p.lit)
	case *textPath:
		return each(p.set.entries, belowPattern)
	case *textContains:
		return contains(p.lit)
	case *textGlob:
		if p.fold {
			break
		}
		head, _, _ := strings.Cut(p.pattern, "*")
		if i := strings.IndexAny(head, `?[\`); i >= 0 {
			head = head[:i]
		}
		tail := p.pattern[strings.LastIndexAny(p.pattern, `*?[]\`)+1:]
		return strongest([]need{begins(head), ends(tail)})
	}
	return need{any: true}
}

func directoryName(p pred) need {
	switch p := p.(type) {
	case *textIn: // a directory's own is itself
		return each(p.set.items, func(text string) need { return clean(NameDirectory, text).or(clean(NameWhole, text)) })
	case *textPrefix:
		return each(p.entries, begins) // then the whole name begins so, too
	}
	return need{any: true}
}

// rawName: a text with "../" is not in its normal form, whatever it stands in.
func rawName(p pred) need {
	switch p := p.(type) {
	case *textContains:
		return need{any: !strings.Contains(p.lit, "../")}
	case *textGlob:
		for text := range strings.FieldsFuncSeq(p.pattern, func(r rune) bool { return strings.ContainsRune(`*?[]\`, r) }) {
			if strings.Contains(text, "../") && !strings.ContainsAny(p.pattern, `[\`) {
				return need{}
			}
		}
	}
	return need{any: true}
}

// clean is a part whose text is an absolute name in its normal form; another text may be that of a name that is not in it.
func clean(kind NamePartKind, text string) need {
	text, absolute := strings.CutPrefix(text, "/")
	if !absolute {
		return need{any: true}
	}
	if text == "" {
		return needs(NamePart{Kind: kind})
	}
	for c := range strings.SplitSeq(text, "/") {
		if c == "" || c == "." || strings.HasSuffix(c, "..") {
			return need{any: true}
		}
	}
	return needs(NamePart{kind, "/" + text})
}

// begins is the need of a name that begins with a text.
func begins(text string) need {
	slash := strings.LastIndexByte(text, '/')
	switch {
	case slash > 0:
		return clean(NameBelow, text[:slash])
	case slash == 0 && len(text) > headBytes:
		return needs(NamePart{NameHead, text[1:][:headBytes]})
	}
	return need{any: true}
}

// ends is the need of a name that ends with a text.
func ends(text string) need {
	if i := strings.LastIndexByte(text, '/'); i >= 0 {
		return lastComponent(text[i+1:])
	}
	if len(text) < tailBytes {
		return need{any: true}
	}
	return needs(NamePart{NameTail, text[len(text)-tailBytes:]})
}

func lastComponent(text string) need {
	if text == "" || text == "." || strings.HasSuffix(text, "..") || strings.Contains(text, "/") {
		return need{any: true}
	}
	return needs(NamePart{NameLast, text})
}

// contains is the need of a name that contains a text: a whole component of it.
func contains(text string) need {
	first, last := strings.IndexByte(text, '/'), strings.LastIndexByte(text, '/')
	if first == last {
		return need{any: true}
	}
	component, _, _ := strings.Cut(text[first+1:], "/")
	if component == "" || component == "." || strings.HasSuffix(component, "..") {
		return need{any: true}
	}
	return needs(NamePart{NameComponent, component})
}

// belowPattern is the need of pmatch: the directories before the first one with a pattern.
func belowPattern(entry string) need {
	var dir strings.Builder
	for c := range strings.SplitSeq(entry, "/") {
		if strings.ContainsAny(c, `*?[\`) {
			break
		}
		if c != "" {
			dir.WriteString("/" + c)
		}
	}
	if dir.Len() == 0 {
		return need{any: true}
	}
	return clean(NameBelow, dir.String())
}
