package proc

// CgroupsUnusable tells why cgroups can't be used here; nil when they can.
func CgroupsUnusable(instance string) error {
	c, err := openCgroups("auto", safeName(instance))
	if err != nil {
		return err
	}
	return c.remove()
}
