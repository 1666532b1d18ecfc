//! What the screen shows, as an encoder wants it: BT.709 of limited range, the colour of four pixels kept once (I420).

use std::ops::Range;
use std::sync::Arc;

use wallflower_domain::frame::FrameSize;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvError, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, bgra_to_yuv420,
};

/// Bytes of a pixel on the screen: blue, green, red, nothing.
pub(crate) const PIXEL: usize = 4;

/// Rows of the screen, from an even one to an even one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows(Range<usize>);

impl Rows {
    /// All of a picture.
    pub(crate) fn all(size: FrameSize) -> Self {
        Self(0..size.height() as usize)
    }

    /// Adds those of a change, as far as they are in the picture.
    pub(crate) fn add(&mut self, size: FrameSize, top: i32, height: u32) {
        let within = |row: i64| usize::try_from(row.max(0)).unwrap_or(0).min(size.height() as usize);
        let (first, end) =
            (within(i64::from(top)) & !1, within(i64::from(top) + i64::from(height)).next_multiple_of(2));
        if first >= end {
            return;
        }
        self.0 = if self.0.is_empty() { first..end } else { self.0.start.min(first)..self.0.end.max(end) };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn first(&self) -> usize {
        self.0.start
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// A picture: all of Y, then all of U, then all of V.
pub(crate) struct Picture {
    size: FrameSize,
    planes: Vec<u8>,
}

impl Picture {
    pub(crate) fn new(size: FrameSize) -> Self {
        Self { size, planes: vec![0; bytes(size)] }
    }

    /// Takes over rows of the screen, whose pixels these are.
    pub(crate) fn draw(&mut self, rows: &Rows, pixels: &[u8]) -> Result<(), YuvError> {
        let (width, height) = (self.size.width() as usize, self.size.height() as usize);
        let (y, rest) = self.planes.split_at_mut(width * height);
        let (u, v) = rest.split_at_mut(width * height / 4);
        let luma = rows.0.start * width..rows.0.end * width;
        let chroma = luma.start / 4..luma.end / 4;
        let mut image = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(&mut y[luma]),
            y_stride: self.size.width(),
            u_plane: BufferStoreMut::Borrowed(&mut u[chroma.clone()]),
            u_stride: self.size.width() / 2,
            v_plane: BufferStoreMut::Borrowed(&mut v[chroma]),
            v_stride: self.size.width() / 2,
            width: self.size.width(),
            height: u32::try_from(rows.count()).unwrap_or(0),
        };
        let stride = self.size.width() * PIXEL as u32;
        let (range, mode) = (YuvRange::Limited, YuvConversionMode::Balanced);
        bgra_to_yuv420(&mut image, pixels, stride, range, YuvStandardMatrix::Bt709, mode)
    }

    /// As it is now.
    pub(crate) fn copy(&self) -> Arc<[u8]> {
        self.planes.as_slice().into()
    }
}

/// How large a picture is.
pub(crate) fn bytes(size: FrameSize) -> usize {
    size.width() as usize * size.height() as usize * 3 / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size() -> FrameSize {
        FrameSize::new(128, 128).expect("even")
    }

    fn filled(blue: u8, green: u8, red: u8, rows: &Rows) -> Vec<u8> {
        [blue, green, red, 0].repeat(128 * rows.count())
    }

    fn at(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
        let (luma, chroma) = (128 * 128, y / 2 * 64 + x / 2);
        let planes = picture.copy();
        [planes[y * 128 + x], planes[luma + chroma], planes[luma + luma / 4 + chroma]]
    }

    #[test]
    fn colours_are_those_of_bt_709() {
        let all = Rows::all(size());
        let mut picture = Picture::new(size());
        // ITU-R BT.709-6, 3.5: limited range.
        for (color, expected) in [
            ((0, 0, 0), [16, 128, 128]),
            ((255, 255, 255), [235, 128, 128]),
            ((0, 0, 255), [63, 102, 240]),
            ((0, 255, 0), [173, 42, 26]),
            ((255, 0, 0), [32, 240, 118]),
        ] {
            picture.draw(&all, &filled(color.0, color.1, color.2, &all)).expect("it fits");
            let found = at(&picture, 10, 10);
            let off = found.iter().zip(expected).map(|(one, other): (&u8, u8)| one.abs_diff(other)).max();
            assert!(off <= Some(1), "{color:?}: {found:?} and not {expected:?}");
        }
    }

    #[test]
    fn what_is_drawn_anew_leaves_the_rest_as_it_was() {
        let all = Rows::all(size());
        let mut picture = Picture::new(size());
        picture.draw(&all, &filled(255, 255, 255, &all)).expect("it fits");
        let mut rows = Rows::default();
        rows.add(size(), 11, 4);
        assert_eq!((rows.first(), rows.count()), (10, 6));
        picture.draw(&rows, &filled(0, 0, 0, &rows)).expect("it fits");
        for (y, luma) in [(0, 235), (9, 235), (10, 16), (15, 16), (16, 235), (127, 235)] {
            assert_eq!(at(&picture, 63, y), [luma, 128, 128], "row {y}");
        }
    }

    #[test]
    fn rows_of_changes_add_up_and_stay_within_the_picture() {
        let mut rows = Rows::default();
        assert!(rows.is_empty());
        rows.add(size(), -5, 5);
        rows.add(size(), 140, 10);
        rows.add(size(), 10, 0);
        assert!(rows.is_empty(), "{rows:?}");
        rows.add(size(), 20, 1);
        assert_eq!(rows, Rows(20..22));
        rows.add(size(), 3, 2);
        assert_eq!(rows, Rows(2..22));
        rows.add(size(), 120, 100);
        assert_eq!(rows, Rows(2..128));
    }
}
