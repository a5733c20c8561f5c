package smtpmail

import "time"

// SetIdle says for how long a connection is kept.
func (m *Sender) SetIdle(d time.Duration) { m.kept.time = d }

// Kept is how many connections wait for the next mail.
func (m *Sender) Kept() int {
	m.kept.mu.Lock()
	defer m.kept.mu.Unlock()
	return len(m.kept.free)
}
