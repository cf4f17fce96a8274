"""The page of one License GUID: the four steps of a cycle, and what belongs to its Control Room."""
