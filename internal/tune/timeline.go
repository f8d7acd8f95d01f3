package tune

// cells bounds a [Timeline].
const cells = 120

// Timeline counts by time, in at most [cells] cells of one length, which doubles when the time does not fit.
type Timeline struct {
	// Begin is the first cell's, in ns since the epoch, and Cell the length of each, in ns.
	Begin, Cell int64
	Counts      []uint64
}

func (t *Timeline) add(at int64) { t.addMany(at, 1) }

func (t *Timeline) addMany(at int64, n uint64) {
	if t.Cell == 0 {
		t.Cell = 1e9
		t.Begin = at - at%t.Cell
	}
	for at < t.Begin {
		t.widen(true)
	}
	for (at-t.Begin)/t.Cell >= cells {
		t.widen(false)
	}
	i := int((at - t.Begin) / t.Cell)
	for len(t.Counts) <= i {
		t.Counts = append(t.Counts, 0)
	}
	t.Counts[i] += n
}

// widen doubles the cells' length, towards the past or the future.
func (t *Timeline) widen(past bool) {
	old := *t
	t.Cell *= 2
	t.Begin = old.Begin - ((old.Begin%t.Cell)+t.Cell)%t.Cell
	if past && t.Begin == old.Begin {
		t.Begin -= t.Cell
	}
	t.Counts = nil
	for i, n := range old.Counts {
		if n > 0 {
			t.addMany(old.Begin+int64(i)*old.Cell, n)
		}
	}
}

func (t *Timeline) join(o *Timeline) {
	for i, n := range o.Counts {
		if n > 0 {
			t.addMany(o.Begin+int64(i)*o.Cell, n)
		}
	}
}
