// Package suggest finds the known word that a misspelt one may stand for.
package suggest

import "fmt"

// Hint proposes the known word that [Nearest] finds; it is empty if there is none.
func Hint(word string, known []string) string {
	if n := Nearest(word, known); n != "" {
		return fmt.Sprintf("did you mean '%s'?", n)
	}
	return ""
}

// Nearest finds the known word with the smallest edit distance to word, of at most one edit in three letters, and three in
// all; empty if there is none.
func Nearest(word string, known []string) string {
	if len(word) < 3 || len(word) > 64 {
		return ""
	}
	best, limit := "", min(max(len(word)/3, 1), 3)
	for _, k := range known {
		if k == word || k == "" {
			continue
		}
		if d := distance(word, k, limit); d <= limit && (best == "" || d < limit) {
			best, limit = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, drop, change or swap with their neighbour, or limit+1 if it is larger.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var prev2, prev, cur []int
	prev = make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur = make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev = prev, cur
	}
	return min(prev[len(b)], limit+1)
}
