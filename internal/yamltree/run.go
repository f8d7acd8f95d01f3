package yamltree

import (
	"bytes"
	"sort"
)

// minRun is the number of lines from which a run is worth to be read apart.
const minRun = 256

// run is a series of lines that are an item of a block sequence each, of the same indentation, and hold a scalar that needs no
// further reading. The library sees the first and the last of them: it takes twenty times the memory of the text.
type run struct {
	// first and last are numbers of lines of the file, which count from 1; indent is the number of blanks in front of the dash.
	first, last, indent int
	// before is the number of lines that the library does not see before this run.
	before int
}

// hidden is the number of the run's lines that the library does not see.
func (r run) hidden() int { return r.last - r.first - 1 }

// findRuns finds the long runs of a file.
func findRuns(f *File) []run {
	var runs []run
	before := 0
	for line := 1; line <= len(f.lines); {
		indent, ok := simpleItem(f.line(line))
		if !ok {
			line++
			continue
		}
		r := run{first: line, last: line, indent: indent, before: before}
		for line++; line <= len(f.lines); line++ {
			if next, ok := simpleItem(f.line(line)); !ok || next != indent {
				break
			}
			r.last = line
		}
		if r.last-r.first >= minRun {
			runs = append(runs, r)
			before += r.hidden()
		}
	}
	return runs
}

// line returns a line of the file without its end.
func (f *File) line(n int) []byte {
	text := f.text[f.lines[n-1]:]
	if n < len(f.lines) {
		return text[:f.lines[n]-f.lines[n-1]-1]
	}
	return text
}

// simpleItem tells whether a line is an item such as "  - word" or "  - "word"", and how many blanks it begins with.
func simpleItem(line []byte) (indent int, ok bool) {
	text := bytes.TrimLeft(line, " ")
	indent = len(line) - len(text)
	if len(text) < 3 || text[0] != '-' || text[1] != ' ' {
		return 0, false
	}
	_, ok = simpleScalar(text[2:])
	return indent, ok
}

// simpleScalar tells whether a text is a scalar that means what it says: one word, or ASCII between quotes without an escape.
func simpleScalar(text []byte) (Style, bool) {
	style := Plain
	switch q := text[0]; {
	case q == '"' || q == '\'':
		style = SingleQuoted
		if q == '"' {
			style = DoubleQuoted
		}
		end := len(text) - 1
		if end < 1 || text[end] != q {
			return 0, false
		}
		for _, c := range text[1:end] {
			if c < ' ' || c >= 0x7f || c == '\\' || c == q {
				return 0, false
			}
		}
	case !isAlphanumeric(q) && q != '/' || text[len(text)-1] == ':' || bytes.EqualFold(text, []byte("null")):
		return 0, false // a mapping's key, a null, or something else
	default:
		for _, c := range text {
			if !isAlphanumeric(c) && bytes.IndexByte([]byte("._/:-"), c) < 0 {
				return 0, false
			}
		}
	}
	return style, true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// without gives the file's text without the lines that the library need not see.
func without(f *File, runs []run) []byte {
	var out []byte
	done := 0
	for _, r := range runs {
		out = append(out, f.text[done:f.lines[r.first]]...) // up to the end of its first line
		done = f.lines[r.last-1]
	}
	return append(out, f.text[done:]...)
}

// lineOf gives the line of the file that is a line of the text that the library sees.
func lineOf(runs []run, line int) int {
	// The runs whose first line is before it.
	i := sort.Search(len(runs), func(i int) bool { return runs[i].first-runs[i].before >= line })
	if i == 0 {
		return line
	}
	return line + runs[i-1].before + runs[i-1].hidden()
}

// items makes the nodes of the lines that the library did not see. text is the file's, as a string that the nodes share.
func (r run) items(f *File, text string) []*Node {
	nodes := make([]Node, r.hidden())
	out := make([]*Node, len(nodes))
	for i := range nodes {
		line := f.line(r.first + 1 + i)
		start := f.lines[r.first+i] + r.indent + 2
		end := f.lines[r.first+i] + len(line)
		style, _ := simpleScalar(f.text[start:end])
		n := Node{Kind: Scalar, Style: style, File: f, Offset: start, Text: text[start:end], body: start}
		if style != Plain {
			n.Text, n.body = text[start+1:end-1], start+1
		}
		nodes[i] = n
		out[i] = &nodes[i]
	}
	return out
}
