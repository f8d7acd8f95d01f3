package filter

import (
	"slices"
	"strings"
)

const valName = "val"

// transformerNames are the transformers but val.
var transformerNames = []string{"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"}

func isTransformer(name string) bool { return slices.Contains(transformerNames, name) }

func isKeyword(name string) bool { return name == "and" || name == "or" || name == "not" }

type rightSide uint8

const (
	rightNone rightSide = iota
	rightNumber
	rightText
	rightList
)

type operator struct {
	op    Op
	right rightSide
	// word: a blank must follow.
	word bool
}

// operators, an operator before those that are a prefix of it.
var operators = []operator{
	{OpExists, rightNone, false},
	{OpLe, rightNumber, false},
	{OpLt, rightNumber, false},
	{OpGe, rightNumber, false},
	{OpGt, rightNumber, false},
	{OpEq2, rightText, false},
	{OpEq, rightText, false},
	{OpNe, rightText, false},
	{OpGlob, rightText, true},
	{OpIGlob, rightText, true},
	{OpContains, rightText, true},
	{OpIContains, rightText, true},
	{OpBContains, rightText, true},
	{OpStartsWith, rightText, true},
	{OpBStartsWith, rightText, true},
	{OpEndsWith, rightText, true},
	{OpRegex, rightText, true},
	{OpIntersects, rightList, false},
	{OpIn, rightList, false},
	{OpPMatch, rightList, false},
}

func operatorNames() string {
	names := make([]string, len(operators))
	for i, o := range operators {
		names[i] = string(o.op)
	}
	return strings.Join(names, " ")
}
