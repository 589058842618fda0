"""Where each equation, figure and table of the paper is in the package, which chapter builds it, and which test watches it.

    print(*where("Eq. 3").code)      # mgcbook.learning.losses.pixel_loss mgcbook.learning.objective.multi_view_terms

One table; the book's page "Paper to code" is made from it, and tests find everything that it names.
"""

from dataclasses import dataclass

from mgcbook.book.build import sources, target_of
from mgcbook.errors import UsageError


@dataclass(frozen=True)
class Place:
    """One thing of the paper and where it is here."""

    name: str
    """As the paper calls it: "Eq. 3", "Fig. 2", "Tab. 1a"; unnumbered ones by section and subject."""
    what: str
    """What it says or shows."""
    code: tuple[str, ...]
    """Dotted names of functions and classes."""
    chapters: tuple[int, ...]
    """Numbers of the chapters that build or use it."""
    tests: tuple[str, ...]
    """pytest's names: file::function."""


def _place(name, what, code, chapters, tests):
    full = tuple(f"mgcbook.{part}" for part in code.split())
    return Place(name, what, full, chapters, tuple(f"tests/{part}" for part in tests.split()))


EQUATIONS = (
    _place(
        "Eq. 1",
        "shape and albedo of the morphable model",
        "face.morphable.FaceModel face.morphable.combine",
        (3,),
        "face/test_morphable.py::test_shape_is_equation_1 face/test_morphable.py::test_albedo_is_clipped_to_colours",
    ),
    _place(
        "Sec. 3.2, camera",
        "pinhole camera and face pose",
        "face.camera.project face.camera.camera_from_model",
        (4,),
        "face/test_camera.py::test_projection_is_the_matrix_of_the_textbooks",
    ),
    _place(
        "Sec. 3.2, relative pose",
        "from target to source; the printed form does not do that",
        "face.camera.relative_pose",
        (4, 9),
        "face/test_warp.py::test_the_relative_pose_as_the_paper_prints_it_does_not_pass",
    ),
    _place(
        "Sec. 3.2, light",
        "spherical harmonics, three bands: nine a channel",
        "face.light.sh_basis face.light.shade",
        (5,),
        "face/test_light.py::test_the_factors_are_mgcnet_s",
    ),
    _place(
        "Sec. 3.2, vector",
        "the 257 coefficients and their order",
        "learning.coefficients.Layout",
        (0, 3),
        "learning/test_paper.py::test_the_network_predicts_257_numbers",
    ),
    _place(
        "Sec. 3.3, render loss",
        "skin-weighted mean difference of picture and rendering",
        "learning.losses.render_loss",
        (7,),
        "learning/test_losses.py::test_the_render_loss_is_the_skin_weighted_mean_length_of_the_difference",
    ),
    _place(
        "Sec. 3.3, landmark loss",
        "squared distances; nose and inner mouth count ten times",
        "learning.losses.landmark_loss",
        (7,),
        "learning/test_losses.py::test_landmarks_of_nose_and_inner_mouth_count_ten_times",
    ),
    _place(
        "Sec. 3.3, identity loss",
        "cosine of deep features; the sign is missing in print",
        "learning.losses.identity_loss",
        (),
        "learning/test_losses.py::test_identity_is_one_minus_the_cosine",
    ),
    _place(
        "Sec. 3.3, regularisation",
        "weighted sums of squared coefficients",
        "learning.losses.regularisation",
        (3, 7),
        "learning/test_losses.py::test_regularisation_weighs_the_three_sums",
    ),
    _place(
        "Sec. 3.3, L_2D",
        "the sum of the four, the baseline of Sec. 4",
        "learning.objective.single_view_terms",
        (7, 12),
        "learning/test_objective.py::test_single_view_items_add_nothing_to_the_multi_view_losses",
    ),
    _place(
        "Eq. 2",
        "where a pixel of the target is in the source",
        "face.warp.correspond face.warp.warp face.sampling.bilinear_sample",
        (9,),
        "face/test_warp.py::test_with_true_depth_and_poses_the_warped_source_is_the_target",
    ),
    _place(
        "Eq. 3",
        "pixel consistency",
        "learning.losses.pixel_loss learning.objective.multi_view_terms",
        (10,),
        "learning/test_losses.py::test_the_pixel_loss_is_a_mean_over_covisible_pixels",
    ),
    _place(
        "Eq. 4",
        "dense depth consistency and its ratio",
        "learning.losses.depth_loss",
        (10,),
        "learning/test_losses.py::test_the_depth_loss_forgives_a_scale_and_the_reprojected_one_does_not",
    ),
    _place(
        "Eq. 5",
        "epipolar distance of landmarks",
        "learning.losses.epipolar_loss face.camera.essential face.camera.fundamental",
        (10,),
        "learning/test_losses.py::test_landmarks_off_their_lines_are_as_far_as_they_were_moved "
        "face/test_camera.py::test_essential_is_t_cross_r",
    ),
    _place(
        "Eq. 6",
        "the sum that is minimised, and its weights",
        "learning.objective.total_loss learning.losses.Weights",
        (12, 13),
        "learning/test_objective.py::test_the_total_is_the_weighted_sum_of_its_terms "
        "learning/test_paper.py::test_the_default_weights_are_those_of_sections_3_3_and_3_8",
    ),
    _place(
        "Sec. 4.1",
        "ResNet-50 with 257 outputs; Adam, 1e-4, batches of 5 triples, 400K steps",
        "learning.resnet.resnet learning.optim.adam programs.config.TrainConfig programs.train.train",
        (11, 13),
        "learning/test_resnet.py::test_published_sizes_and_names "
        "programs/test_config.py::test_the_paper_preset_holds_the_numbers_of_the_paper",
    ),
)

FIGURES = (
    _place(
        "Fig. 1",
        "the flow of training",
        "learning.decoder.Decoder learning.objective.total_loss programs.train.train",
        (0, 12),
        "programs/test_train.py::test_reports_say_what_happens_and_are_written_down",
    ),
    _place(
        "Fig. 2",
        "covisible points, triangles and map; the synthetic target view",
        "face.covisible.seen_vertices face.covisible.covisible_map face.warp.warp",
        (8, 9),
        "face/test_covisible.py::test_two_views_share_what_both_face",
    ),
    _place(
        "Fig. 3",
        "view synthesis with and without the covisible map",
        "face.warp.warp learning.losses.pixel_loss",
        (9, 10),
        "face/test_warp.py::test_only_pixels_with_depth_inside_the_source_are_valid",
    ),
    _place(
        "Fig. 4",
        "epipolar lines before and after",
        "face.camera.fundamental learning.losses.epipolar_loss",
        (10,),
        "learning/test_losses.py::test_the_epipolar_distance_is_geometric",
    ),
    _place(
        "Fig. 5",
        "reconstructions laid over photographs",
        "programs.pictures.overlay programs.reconstruct.run",
        (7,),
        "programs/test_pictures.py::test_overlay_keeps_the_photo_beside_the_face",
    ),
    _place(
        "Fig. 6",
        "the shapes alone, beside other methods' (theirs are not here)",
        "programs.pictures.geometry",
        (14,),
        "programs/test_pictures.py::test_plaster_and_clay_are_grey_and_albedo_has_no_light",
    ),
    _place(
        "Fig. 7a",
        "overlay, geometry, albedo and light of one photograph",
        "programs.pictures.gallery",
        (7,),
        "programs/test_pictures.py::test_gallery_stages_and_turntable",
    ),
    _place(
        "Fig. 7b",
        "error by yaw on rendered pictures of scans",
        "data.protocols.rendered.photograph_scan programs.protocols.measure data.protocols.scan.scan_error",
        (14,),
        "data/protocols/test_rendered.py::test_the_nose_goes_where_the_pose_says_and_landmarks_go_along",
    ),
)

TABLES = (
    _place(
        "Tab. 1a",
        "landmark error on AFLW2000-3D in three bins of yaw",
        "data.protocols.landmarks.landmark_error learning.metrics.nme",
        (14,),
        "data/protocols/test_landmarks.py::test_error_is_that_computed_by_hand "
        "programs/test_protocols.py::test_aflw2000_measures_in_pixels_of_the_photograph",
    ),
    _place(
        "Tab. 1b",
        "distance to the scans of MICC Florence",
        "data.protocols.scan.scan_error data.protocols.icp.icp",
        (14,),
        "data/protocols/test_scan.py::test_the_true_shape_has_the_error_of_the_noise",
    ),
    _place(
        "Tab. 2a",
        "distance to the scans of FRGC v2.0",
        "data.protocols.scan.scan_error data.protocols.icp.icp",
        (14,),
        "programs/test_protocols.py::test_synthetic_protocols_run_without_any_data",
    ),
    _place(
        "Tab. 2b",
        "distance of corresponding vertices on BU-3DFE",
        "data.protocols.registered.registered_error",
        (14,),
        "data/protocols/test_scan.py::test_registered_error_by_hand",
    ),
    _place(
        "Tab. 3",
        "which losses help",
        "learning.losses.Weights data.protocols.tables.table",
        (12, 14),
        "data/protocols/test_scan.py::test_published_rows_stand_beside_the_run",
    ),
)

PLACES = EQUATIONS + FIGURES + TABLES


def where(name):
    """The place of "Eq. 3", "Fig. 2" or "Tab. 1a".

    Raises:
        UsageError: if the paper has no such thing, with the names that there are.
    """
    for place in PLACES:
        if place.name == name:
            return place
    raise UsageError(f"where: {name!r} is not in the paper; there are {', '.join(place.name for place in PLACES)}")


def as_markdown(link_chapters="chapters/"):
    """The page's three tables in MyST Markdown; chapters that are not written yet are named without a link; -> str."""
    written = {int(path.stem[:2]): path.stem for path in sources() if target_of(path).exists()}
    groups = ("Equations and settings", EQUATIONS), ("Figures", FIGURES), ("Tables", TABLES)
    blocks = []
    for title, places in groups:
        head = (
            "```{list-table}\n:header-rows: 1\n:widths: 13 21 30 9 27\n\n* - paper\n  - what\n  - code\n  - chapters\n  - test"
        )
        rows = [f"## {title}\n", head]
        for place in places:
            code = " ".join(f"{{py:obj}}`{_short(name)} <{name}>`" for name in place.code)
            chapters = ", ".join(_chapter(number, written, link_chapters) for number in place.chapters) or "none"
            cells = f"**{place.name}**", place.what, code, chapters, ", ".join(map(_test, place.tests))
            rows.append("* - " + "\n  - ".join(cells))
        blocks.append("\n".join([*rows, "```"]))
    return "\n\n".join(blocks) + "\n"


def _test(name):
    path, _, function = name.partition("::")
    return f"{function.removeprefix('test_').replace('_', ' ')} (`{path.removeprefix('tests/')}`)"


def _short(name):
    return ".".join(name.split(".")[-2:])


def _chapter(number, written, folder):
    return f"[{number}]({folder}{written[number]}.ipynb)" if number in written else str(number)
