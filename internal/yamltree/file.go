package yamltree

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// File is a text whose lines are counted. It is not safe for several goroutines at once.
type File struct {
	// Name is the path, as messages show it.
	Name  string
	text  string
	lines []int // offset of each line's first byte
	last  cursor
}

// cursor is the result of the last call of Offset. Lines may be long, and the parser asks for columns from left to right.
type cursor struct{ line, col, off int }

// NewFile counts the lines of a text in UTF-8, UTF-16 or UTF-32. A byte order mark is left out; all offsets are those of the
// text in UTF-8.
func NewFile(name string, content []byte) *File {
	return countLines(name, string(decode(content)))
}

func countLines(name, text string) *File {
	f := &File{Name: name, text: text, lines: make([]int, 1, 1+strings.Count(text, "\n"))}
	for i := range len(text) {
		if text[i] == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

// Position gives the line and the column, in characters, of a byte. Lines and columns count from 1, bytes from 0.
func (f *File) Position(off int) (line, col int) {
	off = min(max(off, 0), len(f.text))
	i := sort.SearchInts(f.lines, off+1) - 1
	return i + 1, utf8.RuneCountInString(f.text[f.lines[i]:off]) + 1
}

// Offset is the inverse of Position.
func (f *File) Offset(line, col int) int {
	if line < 1 {
		return 0
	}
	if line > len(f.lines) {
		return len(f.text)
	}
	at := cursor{line, 1, f.lines[line-1]}
	if f.last.line == line && f.last.col <= col {
		at = f.last
	}
	for at.col < col && at.off < len(f.text) && f.text[at.off] != '\n' {
		_, n := utf8.DecodeRuneInString(f.text[at.off:])
		at.off += n
		at.col++
	}
	f.last = at
	return at.off
}

// snippetWidth bounds what a snippet shows of a line, in characters.
const snippetWidth = 160

// Snippet quotes the line of a byte, with a second line whose caret points at the byte.
func (f *File) Snippet(off int) string {
	off = min(max(off, 0), len(f.text))
	i := sort.SearchInts(f.lines, off+1) - 1
	text := f.text[f.lines[i]:]
	if n := strings.IndexByte(text, '\n'); n >= 0 {
		text = text[:n]
	}
	before := []rune(f.text[f.lines[i]:off])
	line := []rune(strings.TrimRight(text, "\r"))
	if len(line) > snippetWidth {
		start := min(max(len(before)-snippetWidth/2, 0), len(line)-snippetWidth)
		line = line[start : start+snippetWidth]
		before = before[min(start, len(before)):]
	}
	// A tab stays a tab in the caret's line, so that the caret keeps its column.
	for i, r := range before {
		if r != '\t' {
			before[i] = ' '
		}
	}
	return string(line) + "\n" + string(before) + "^\n"
}
