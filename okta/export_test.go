package okta

// Endpoints are the method and the path of each.
func Endpoints() (list [][2]string) {
	for _, e := range endpoints {
		list = append(list, [2]string{e.method, e.path})
	}
	return list
}
