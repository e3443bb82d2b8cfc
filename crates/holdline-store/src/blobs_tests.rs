//! Files come back as they went in, or are not there at all.

use super::*;

fn pieces(parts: Vec<Result<Bytes, String>>) -> Pieces {
    stream::iter(parts).boxed()
}

fn whole(bytes: &[u8]) -> Pieces {
    pieces(vec![Ok(Bytes::copy_from_slice(bytes))])
}

async fn read(blobs: &FileBlobs, id: &str) -> (Vec<u8>, usize) {
    let mut found = blobs.get(id).await.unwrap();
    let (mut bytes, mut count) = (Vec::new(), 0);
    while let Some(piece) = found.next().await {
        bytes.extend_from_slice(&piece.unwrap());
        count += 1;
    }
    (bytes, count)
}

fn files(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

#[tokio::test]
async fn a_file_comes_back_in_pieces_with_its_hash() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(directory.path().join("media"))
        .await
        .unwrap();
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let parts = bytes
        .chunks(1_000)
        .map(|part| Ok(Bytes::copy_from_slice(part)))
        .collect();
    let kept = blobs.put("123", pieces(parts), 200_000).await.unwrap();
    assert_eq!(kept.size, 200_000);
    assert_eq!(read(&blobs, "123").await, (bytes, 4));
    let kept = blobs.put("abc", whole(b"abc"), 3).await.unwrap();
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        kept,
        Kept {
            size: 3,
            sha256: sha256.to_owned()
        }
    );
    blobs.put("0", pieces(vec![]), 0).await.unwrap();
    assert_eq!(read(&blobs, "0").await, (vec![], 0));
}

#[tokio::test]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(directory.path()).await.unwrap();
    let large = blobs.put("1", whole(b"four"), 3).await;
    assert!(matches!(large, Err(BlobError::TooLarge(3))));
    let broken = pieces(vec![Ok(Bytes::from_static(b"a")), Err("reset".to_owned())]);
    assert!(matches!(
        blobs.put("1", broken, 9).await,
        Err(BlobError::Source(_))
    ));
    assert!(matches!(blobs.get("1").await, Err(BlobError::Missing)));
    assert_eq!(files(directory.path()), 0);
}

#[tokio::test]
async fn a_failed_replacement_leaves_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(directory.path()).await.unwrap();
    blobs.put("1", whole(b"old"), 9).await.unwrap();
    blobs.put("1", whole(b"too large"), 3).await.unwrap_err();
    assert_eq!(read(&blobs, "1").await.0, b"old");
    blobs.put("1", whole(b"new"), 3).await.unwrap();
    assert_eq!(read(&blobs, "1").await.0, b"new");
}

#[tokio::test]
async fn an_id_is_never_a_path() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(directory.path().join("media"))
        .await
        .unwrap();
    let long = "1".repeat(65);
    for id in [
        "",
        ".",
        "..",
        "../1",
        "/etc/passwd",
        "a/b",
        "1\0",
        "xyz",
        "é",
        &long,
    ] {
        assert!(
            matches!(blobs.get(id).await, Err(BlobError::Missing)),
            "{id}"
        );
        assert!(
            matches!(blobs.put(id, whole(b"x"), 9).await, Err(BlobError::Missing)),
            "{id}"
        );
        assert!(
            matches!(blobs.delete(id).await, Err(BlobError::Missing)),
            "{id}"
        );
    }
    assert_eq!(files(directory.path()), 1);
}

#[tokio::test]
async fn deleting_twice_is_fine_and_half_files_go_at_start() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("7-0.part"), b"half").unwrap();
    let blobs = FileBlobs::open(directory.path()).await.unwrap();
    assert_eq!(files(directory.path()), 0);
    blobs.put("1", whole(b"x"), 9).await.unwrap();
    blobs.delete("1").await.unwrap();
    blobs.delete("1").await.unwrap();
    assert!(matches!(blobs.get("1").await, Err(BlobError::Missing)));
}
