// Package pages writes the pages of the provider and of the application.
package pages

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/authnfsm/authn"
)

var (
	//go:embed html
	files embed.FS
	//go:embed assets
	assets embed.FS

	all = template.Must(template.New("").Funcs(template.FuncMap{
		"code":   func(c authn.Code) string { return string(c) }, // which would not be printed by itself
		"secret": func(s authn.Secret) string { return string(s) },
		"utc":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") },
	}).ParseFS(files, "html/*.html"))
)

// Show writes a page whole, or an error.
func Show(w http.ResponseWriter, status int, name, title string, data any) {
	var b bytes.Buffer
	if err := all.ExecuteTemplate(&b, name+".html", struct {
		Title, Here string
		Data        any
	}{title, name, data}); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// Headers sets what every answer has. No page has a script or a style of its own, none
// loads anything from elsewhere, and none is shown in a frame. Forms lead to the same
// site, and on from there to one origin more, unless it is "".
func Headers(h http.Header, formAction string) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"form-action 'self' "+formAction+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// Assets serves /assets/.
func Assets() http.Handler { return http.FileServerFS(assets) }
