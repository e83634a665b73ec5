package web

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"

	"oibus/agent/cache"
	"oibus/agent/web/shape"
)

// cacheUpdateForm is CacheContentUpdateCommand.
var cacheUpdateForm = func() shape.Shape {
	folder := shape.Object(shape.Key("remove", shape.List(shape.Text)),
		shape.Key("move", shape.List(shape.Object(shape.Key("filename", shape.Text), shape.Key("to", folderForm)))))
	return shape.Object(shape.Keys(folder, "cache", "error", "archive")...)
}()

var folderForm = shape.OneOf("cache", "error", "archive")

// searchCache lists contents. The page of the product also looks for the name of the file, and asks for the newest
// first.
func (s *Server) searchCache(r *http.Request) (any, error) {
	return searchCacheOf(r, s.o.Engine.SearchCache)
}

func searchCacheOf(r *http.Request, search func(id string, q cache.Query) (any, error)) (any, error) {
	asked, err := cacheQuery(r)
	if err != nil {
		return nil, err
	}
	return search(r.PathValue("id"), asked)
}

// cacheNames are the ids of all contents of a folder that a search chooses: what the page needs to change all of them.
func (s *Server) cacheNames(r *http.Request) ([]string, error) {
	return cacheNamesOf(r, s.o.Engine.CacheNames)
}

func cacheNamesOf(r *http.Request, names func(id string, folder cache.Folder, q cache.Query) ([]string, error)) ([]string, error) {
	folder, err := folderOf(r)
	if err != nil {
		return nil, err
	}
	asked, err := cacheQuery(r)
	if err != nil {
		return nil, err
	}
	return names(r.PathValue("id"), folder, asked)
}

func cacheQuery(r *http.Request) (cache.Query, error) {
	q := queryOf(r)
	asked := cache.Query{
		Start: q.text("start"), End: q.text("end"), NameContains: q.text("nameContains"), IDOnly: q.text("names") != "all",
		Newest: q.text("order") == "newest", Max: q.count("maxNumberOfFilesReturned"),
	}
	q.instant("start")
	q.instant("end")
	return asked, q.err()
}

// count is a number that is not negative, 0 when it is missing.
func (q query) count(name string) int {
	text := q.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != n || n < 0 || n > 1<<30 {
		q.faults[name] = shape.Fault{Message: "invalid float number"}
		return 0
	}
	return int(n)
}

// folderOf is the folder that the query names.
func folderOf(r *http.Request) (cache.Folder, error) {
	folder, err := wanted(r, "folder")
	if err == nil && !slices.Contains(cache.Folders, cache.Folder(folder)) {
		err = &faulty{shape.Faults{"folder": {Message: "should be one of the following; ['cache','error','archive']"}}}
	}
	return cache.Folder(folder), err
}

func (s *Server) cacheFile(r *http.Request) (cache.View, error) {
	folder, err := folderOf(r)
	if err != nil {
		return cache.View{}, err
	}
	return s.o.Engine.CacheFile(r.PathValue("id"), folder, r.PathValue("filename"))
}

// downloadCacheFile hands out a content whole, under its own name. Browsers save it, whatever it holds.
func (s *Server) downloadCacheFile(w http.ResponseWriter, r *http.Request) error {
	return downloadCacheFileOf(w, r, s.o.Engine.CacheReader)
}

func downloadCacheFileOf(
	w http.ResponseWriter, r *http.Request, read func(id string, folder cache.Folder, filename string) (cache.File, io.ReadCloser, error),
) error {
	folder, err := folderOf(r)
	if err != nil {
		return err
	}
	file, content, err := read(r.PathValue("id"), folder, r.PathValue("filename"))
	if err != nil {
		return err
	}
	defer content.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(file.Metadata.ContentFile)}))
	io.Copy(&steady{ResponseWriter: w, control: http.NewResponseController(w)}, content) // half a file shows as a cut connection
	return nil
}

func (s *Server) updateCache(r *http.Request, content json.RawMessage) error {
	var u cache.Update
	if err := json.Unmarshal(content, &u); err != nil {
		return err
	}
	return s.o.Engine.UpdateCache(r.PathValue("id"), u)
}
