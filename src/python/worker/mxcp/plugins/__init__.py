"""Not available in this version; importing it raises ImportError."""

raise ImportError("this version does not have plugins; import the code from python/ instead")
