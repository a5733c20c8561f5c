// Package clusters has no code but tests. They run the stores that are clusters on
// clusters of their own, whose members are processes, and kill members.
package clusters
