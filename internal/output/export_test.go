package output

// Done is closed when the worker of a sink has ended.
func (q *Queue) Done(sink int) <-chan struct{} { return q.sinks[sink].done }

// Empty tells whether nothing is accounted as waiting for a sink, of any rule.
func (q *Queue) Empty(sink int) bool {
	sq := q.sinks[sink]
	return len(sq.byRule) == 0 && sq.waiting == usage{}
}
