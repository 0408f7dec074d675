"""There are none: whoever imports them is told so."""

raise ImportError("this version does not have plugins; import the code from python/ instead")
