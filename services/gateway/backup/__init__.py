"""Backup and restore of one model's catalogs: products, their pictures, and the index.

    TARGET/
      backups/20261126T063811Z/     one backup, named after the time it began
        manifest.json               what is in it, with the sha256 of each file beside it
        products-00000.jsonl        one product a line, in point-id order
        tokens-00000.npy            [N, K, D] float16: the tokens of the product in each line
      pictures/ab/ab12….webp        by content, shared by all backups
      incoming/                     being written; never part of a backup
      lock                          held while a backup is written

`manifest` and `records` say what the files hold, `folder` where they lie; `making` writes a backup,
`pruning` removes old ones, `reading` and `checking` read them, `restoring` brings one back. The
index is read over gRPC product by product and written as an import writes it, so any Qdrant will
do.

What a backup holds that was made while products were written: each product that was acknowledged
before it began and not deleted since, as it then was or as it became; a product that was written
meanwhile, whole or not at all. Whole: its fields, its tokens and its picture belong together,
since Qdrant gives a point as it was at one moment, a picture never changes under its name, and an
import keeps the picture first.
"""
