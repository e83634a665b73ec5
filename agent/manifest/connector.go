package manifest

func south(id, category string, modes Modes, settings []Attribute, items Attribute) South {
	s := South{ID: id, Category: category, Modes: modes, Settings: group("settings", settings...), Items: items}
	s.Settings = s.Settings.complete(southKeys+"."+id, "")
	s.Settings.TranslationKey = southKeys + ".settings"
	s.Settings = s.Settings.prepared()
	last := len(s.Items.Root.Attributes) - 1
	for i, a := range s.Items.Root.Attributes {
		s.Items.Root.Attributes[i].TranslationKey = southItemKeys + "." + kebab(a.Key)
	}
	form := s.Items.Root.Attributes[last].complete(southItemKeys+"."+id, "")
	s.Items.Root.Attributes[last] = form.prepared()
	return s
}

// fields is the list of the attributes of a settings form.
func fields(attributes ...Attribute) []Attribute { return attributes }

// items describes the items of a South, which all have a name, a switch and a scan mode beside their own settings.
func items(acceptable string, settings ...Attribute) Attribute {
	return itemsIn(group("settings", settings...).boxed(), acceptable)
}

func itemsIn(settings Attribute, acceptable string) Attribute {
	root := group("item", text("name").at(0, 4), flag("enabled", true).at(0, 4), scanMode("scanMode", acceptable).at(0, 4), settings)
	root.TranslationKey = southItemKeys + ".item"
	return Attribute{Type: TypeArray, Key: "items", TranslationKey: southItemKeys, Paginate: true, PageSize: 20, Root: &root}
}

func north(id, category string, types []string, settings ...Attribute) North {
	n := North{ID: id, Category: category, Types: types, Settings: group("settings", settings...).complete(northKeys+"."+id, "")}
	n.Settings.TranslationKey = northKeys + ".settings"
	n.Settings = n.Settings.prepared()
	return n
}

// transformer describes one whose options stand in a box.
func transformer(id, input, output string, options Attribute) Transformer {
	t := Transformer{ID: id, InputType: input, OutputType: output, Settings: options.complete(transformerKeys+"."+id, "")}
	t.Settings.TranslationKey = transformerKeys + ".options"
	t.Settings = t.Settings.prepared()
	return t
}

func options(attributes ...Attribute) Attribute { return group("options", attributes...) }
