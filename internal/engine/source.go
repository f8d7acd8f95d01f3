package engine

import (
	"bytes"
	"sort"
	"strings"
	"unicode/utf8"
)

// Source is a rule file that was read.
type Source struct {
	Name    string
	Content []byte
	// Err, if set, says why there is no content; it is reported as the file's error.
	Err error
}

// source is a file with its lines counted.
type source struct {
	name  string
	text  []byte
	lines []int // offset of each line's first byte
	last  cursor
}

// cursor is the place that offset found last. Lines may be long, and are asked for from left to right.
type cursor struct{ line, col, off int }

func newSource(s Source) *source {
	src := &source{name: s.Name, text: bytes.TrimPrefix(s.Content, []byte("\xef\xbb\xbf")), lines: []int{0}}
	for i, c := range src.text {
		if c == '\n' {
			src.lines = append(src.lines, i+1)
		}
	}
	return src
}

// position gives the line and the column, in characters, of a byte; both count from 1.
func (s *source) position(off int) (line, col int) {
	off = min(max(off, 0), len(s.text))
	i := sort.SearchInts(s.lines, off+1) - 1
	return i + 1, utf8.RuneCount(s.text[s.lines[i]:off]) + 1
}

// offset is the inverse of position.
func (s *source) offset(line, col int) int {
	if line < 1 {
		return 0
	}
	if line > len(s.lines) {
		return len(s.text)
	}
	at := cursor{line, 1, s.lines[line-1]}
	if s.last.line == line && s.last.col <= col {
		at = s.last
	}
	for at.col < col && at.off < len(s.text) && s.text[at.off] != '\n' {
		_, n := utf8.DecodeRune(s.text[at.off:])
		at.off += n
		at.col++
	}
	s.last = at
	return at.off
}

// snippetWidth bounds what a snippet shows of a line, in characters.
const snippetWidth = 160

// snippet quotes the line of a byte and points at it.
func (s *source) snippet(off int) string {
	off = min(max(off, 0), len(s.text))
	i := sort.SearchInts(s.lines, off+1) - 1
	text := s.text[s.lines[i]:]
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		text = text[:n]
	}
	before := []rune(string(s.text[s.lines[i]:off]))
	line := []rune(strings.TrimRight(string(text), "\r"))
	if len(line) > snippetWidth {
		start := min(max(len(before)-snippetWidth/2, 0), len(line)-snippetWidth)
		line = line[start : start+snippetWidth]
		before = before[min(start, len(before)):]
	}
	// A tab stays a tab below, so that the caret keeps its column.
	for i, r := range before {
		if r != '\t' {
			before[i] = ' '
		}
	}
	return string(line) + "\n" + string(before) + "^\n"
}
