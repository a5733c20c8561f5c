// Package nodes has no code but tests. They run hosts, and clients of stores,
// as processes of their own on stores that the processes share and with real
// mail: killed at every call of a port, and many at once.
package nodes
