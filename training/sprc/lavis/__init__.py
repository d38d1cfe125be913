"""LAVIS's side of the model: BLIP-2's pretrained weights, and our name in LAVIS's registry.

Nothing else of `sprc` imports LAVIS, which takes seconds to import. Where `lavis` is named in
here it is the library, salesforce-lavis.
"""
