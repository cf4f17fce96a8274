"""The use cases: every act of the vendor, each in one transaction with its record in the issuing log (V1)."""
