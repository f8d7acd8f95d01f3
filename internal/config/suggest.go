package config

// nearest finds the known word with the fewest typing mistakes against word: at most one in three letters, and three.
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, limit := "", min(max(len(word)/3, 1), 3)
	for _, k := range known {
		if d := distance(word, k); d <= limit && (best == "" || d < limit) {
			best, limit = k, d
		}
	}
	return best
}

// distance counts the letters to insert, drop or change to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
