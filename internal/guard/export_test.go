package guard

import "time"

// Poll is one look at the trust directories.
func (g *Guard) Poll(now time.Time) { g.watcher.Poll(now) }
