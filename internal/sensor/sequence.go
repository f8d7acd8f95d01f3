package sensor

// gaps follows the sequence numbers of one ring: each CPU counts its own records, lost ones too.
type gaps struct{ last []uint64 }

// note returns how many records are missing before this one.
func (g *gaps) note(cpu uint16, seq uint64) uint64 {
	if int(cpu) >= len(g.last) {
		g.last = append(g.last, make([]uint64, int(cpu)+1-len(g.last))...)
	}
	missing := seq - g.last[cpu] - 1
	g.last[cpu] = seq
	return missing
}
