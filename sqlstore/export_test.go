package sqlstore

// DueQuery returns the statement of Due.
func (c Config) DueQuery() string {
	_ = c.valid()
	return c.statements().due
}
