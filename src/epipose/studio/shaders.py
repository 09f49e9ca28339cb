"""GLSL shaders of the renderer, for a graphics card or Mesa's llvmpipe.

``PERSON`` moves the rest vertices by the bones (linear blend skinning), projects them with the distortion model of
`epipose.camera.Camera` and lights them. ``SHADOW`` projects the same vertices along the light onto a patch of the
floor, and ``FLOOR`` darkens that patch in the image. ``SEAT`` draws what the person sits on. ``ROOM`` draws what is
behind: each corner of a fine grid over the image carries the exact ray of that pixel, undistorted beforehand, and every
pixel intersects its ray with the box of the room. On a processor every texture that a pixel reads costs, so each reads
one.

Pixel rows run downwards in memory and GL's rows upwards, so pixel row v is GL's row v: no image is ever flipped.
"""

from __future__ import annotations

_SKINNING = """
#version 330
layout(std140) uniform Bones { vec4 rows[768]; };  // three rows of world_from_rest for each bone
in vec3 in_position;
in vec3 in_normal;
in uvec4 in_bones;
in vec4 in_weights;

void blended(out vec4 x, out vec4 y, out vec4 z) {
    x = y = z = vec4(0.0);
    for (int i = 0; i < 4; ++i) {
        int row = 3 * int(in_bones[i]);
        x += in_weights[i] * rows[row];
        y += in_weights[i] * rows[row + 1];
        z += in_weights[i] * rows[row + 2];
    }
}
"""

_CAMERA = """
uniform mat4 cam_from_world;
uniform vec3 row_u, row_v;     // the rows of K
uniform float distortion[5];         // k1 k2 p1 p2 k3
uniform float widest;          // r^2 beyond which the distortion model is clamped: it may fold back there
uniform vec2 size;             // pixels
uniform vec2 reach;            // nearest and farthest depth, metres

vec2 distorted(vec2 p) {  // epipose.camera.distort
    float r2 = min(dot(p, p), widest);
    float radial = 1.0 + r2 * (distortion[0] + r2 * (distortion[1] + r2 * distortion[4]));
    return p * radial + vec2(2.0 * distortion[2] * p.x * p.y + distortion[3] * (r2 + 2.0 * p.x * p.x),
                             distortion[2] * (r2 + 2.0 * p.y * p.y) + 2.0 * distortion[3] * p.x * p.y);
}

vec4 seen(vec3 world) {
    vec3 c = (cam_from_world * vec4(world, 1.0)).xyz;
    float depth = max(c.z, 1e-3);
    vec3 p = vec3(distorted(c.xy / depth), 1.0);
    vec2 ndc = (vec2(dot(row_u, p), dot(row_v, p)) + 0.5) / size * 2.0 - 1.0;  // pixel centres at integers
    float a = (reach.y + reach.x) / (reach.y - reach.x), b = 2.0 * reach.y * reach.x / (reach.y - reach.x);
    return vec4(ndc * depth, a * c.z - b, c.z);
}
"""

PERSON_VERTEX = (
    _SKINNING
    + _CAMERA
    + """
in vec3 in_rest;
in vec4 in_cover;              // shares of hair, top, bottom, shoes; the rest is skin
in vec2 in_face;               // whether this is the head, and an eyeball
out vec3 world, normal, rest, rest_normal;
out vec4 cover;
out vec2 face_share;

void main() {
    vec4 x, y, z;
    blended(x, y, z);
    vec4 position = vec4(in_position, 1.0);
    world = vec3(dot(x, position), dot(y, position), dot(z, position));
    normal = vec3(dot(x.xyz, in_normal), dot(y.xyz, in_normal), dot(z.xyz, in_normal));
    rest = in_rest;
    rest_normal = in_normal;
    cover = in_cover;
    face_share = in_face;
    gl_Position = seen(world);
}
"""
)

PERSON_FRAGMENT = """
#version 330
uniform sampler2DArray cloth;
uniform float repeat[5];
uniform float gloss[5];
uniform vec3 eye;                          // the camera's centre
uniform vec3 to_light, direct, sky, ground;
uniform vec3 eyes[2];                      // centres of the eyes in the rest pose
uniform float between;                     // metres between them; 0: no face
uniform float facing;                      // sign of y that is the front in the rest pose
uniform vec3 iris, brow, lips;
uniform float beard;                       // 0 to 1
in vec3 world, normal, rest, rest_normal;
in vec4 cover;
in vec2 face_share;
out vec4 colour;

vec3 face(vec3 skin) {
    // In units of the distance between the eyes, from the middle between them: x sideways, z up.
    vec3 p = (rest - 0.5 * (eyes[0] + eyes[1])) / between;
    p.x = abs(p.x);
    if (p.y * facing < -0.65) return skin;
    float e = length((p.xz - vec2(0.5, 0.0)) / vec2(0.22, 0.11));
    if (face_share.y > 0.5) {
        float pupil = length(p.xz - vec2(0.5, 0.0));
        return pupil < 0.10 ? mix(vec3(0.02), iris, smoothstep(0.03, 0.06, pupil)) : vec3(0.92, 0.9, 0.88);
    }
    float chin = smoothstep(-0.75, -1.0, p.z - 0.7 * smoothstep(0.5, 1.2, p.x)) * smoothstep(-0.6, -0.1, p.y * facing);
    skin = mix(skin, brow, beard * chin);
    skin = mix(0.75 * skin, skin, smoothstep(0.9, 1.6, e));                                      // sockets
    skin = mix(brow, skin, smoothstep(0.8, 1.2, length((p.xz - vec2(0.48, 0.36)) / vec2(0.34, 0.07))));
    float mouth = length((p.xz - vec2(0.0, -1.08)) / vec2(0.40, 0.13));
    skin = mix(abs(p.z + 1.08) < 0.02 ? 0.5 * lips : lips, skin, smoothstep(0.85, 1.1, mouth));
    float nostril = length((p.xz - vec2(0.12, -0.72)) / vec2(0.08, 0.05));
    return mix(0.45 * skin, skin, smoothstep(0.8, 1.2, nostril));
}

void main() {
    int l = 0;                                                        // the cover that most of this spot has
    float most = 1.0 - dot(cover, vec4(1.0));
    for (int i = 0; i < 4; ++i) if (cover[i] > most) { most = cover[i]; l = i + 1; }
    vec3 side = abs(rest_normal);
    vec2 st = side.x > max(side.y, side.z) ? rest.yz : side.y > side.z ? rest.xz : rest.xy;
    float step_ = repeat[l] * max(length(dFdx(rest)), length(dFdy(rest)));
    vec3 albedo = textureGrad(cloth, vec3(st * repeat[l], float(l)), vec2(step_, 0.0), vec2(0.0, step_)).rgb;
    if (between > 0.0 && l == 0 && face_share.x > 0.5) albedo = face(albedo);
    vec3 n = normalize(normal);
    vec3 to_eye = normalize(eye - world);
    if (dot(n, to_eye) < 0.0) n = -n;
    float facing_light = max(dot(n, to_light), 0.0);
    vec3 around = mix(ground, sky, 0.5 + 0.5 * n.z);
    float shine = pow(max(dot(n, normalize(to_light + to_eye)), 0.0), 24.0) * gloss[l];
    colour = vec4(albedo * (around + direct * facing_light) + 0.35 * shine * direct, 1.0);
}
"""

SEAT_VERTEX = (
    """
#version 330
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
uniform vec3 shift;           // of the seat, metres
out vec3 normal;
out vec2 st;
"""
    + _CAMERA
    + """
void main() {
    normal = in_normal;
    st = in_uv;
    gl_Position = seen(in_position + shift);
}
"""
)

SEAT_FRAGMENT = """
#version 330
uniform sampler2D cover;
uniform vec3 to_light, direct, sky, ground;
in vec3 normal;
in vec2 st;
out vec4 colour;

void main() {
    vec3 light = mix(ground, sky, 0.5 + 0.5 * normal.z) + direct * max(dot(normal, to_light), 0.0);
    colour = vec4(texture(cover, st).rgb * light, 1.0);
}
"""

SHADOW_VERTEX = (
    _SKINNING
    + """
uniform vec3 to_light;
uniform vec3 patch_of_floor;  // x, y of the middle, half the side; metres

void main() {
    vec4 x, y, z;
    blended(x, y, z);
    vec4 position = vec4(in_position, 1.0);
    vec3 world = vec3(dot(x, position), dot(y, position), dot(z, position));
    vec2 floored = world.xy - to_light.xy * max(world.z, 0.0) / to_light.z;
    gl_Position = vec4((floored - patch_of_floor.xy) / patch_of_floor.z, 0.0, 1.0);
}
"""
)

SEAT_SHADOW_VERTEX = """
#version 330
in vec3 in_position;
uniform vec3 shift;
uniform vec3 to_light;
uniform vec3 patch_of_floor;

void main() {
    vec3 world = in_position + shift;
    vec2 floored = world.xy - to_light.xy * max(world.z, 0.0) / to_light.z;
    gl_Position = vec4((floored - patch_of_floor.xy) / patch_of_floor.z, 0.0, 1.0);
}
"""

SHADOW_FRAGMENT = """
#version 330
out vec4 shade;
void main() { shade = vec4(1.0); }
"""

ROOM_VERTEX = """
#version 330
uniform vec2 size;
in vec2 in_pixel;
in vec3 in_ray;               // in the world
out vec3 ray;
out vec2 place;               // in the image, 0 to 1

void main() {
    ray = in_ray;
    place = (in_pixel + 0.5) / size;
    gl_Position = vec4(place * 2.0 - 1.0, 1.0, 1.0);
}
"""

ROOM_FRAGMENT = """
#version 330
uniform sampler2DArray surfaces;   // floor, ceiling, walls across x, walls across y, backdrop
uniform float repeat[5];
uniform vec3 low, high;            // corners of the room
uniform bool backdrop;
uniform vec3 eye;
uniform vec3 to_light, direct, sky, ground;
in vec3 ray;
in vec2 place;
out vec4 colour;

void main() {
    vec3 t = (mix(low, high, step(0.0, ray)) - eye) / (ray + 1e-9);  // to the three planes the ray may leave through
    float nearest = min(t.x, min(t.y, t.z));
    vec3 hit = eye + nearest * ray;
    bool level = nearest == t.z, across_x = nearest == t.x;
    vec3 n = -sign(ray) * (level ? vec3(0, 0, 1) : across_x ? vec3(1, 0, 0) : vec3(0, 1, 0));
    int surface = backdrop ? 4 : level ? (ray.z < 0.0 ? 0 : 1) : across_x ? 2 : 3;
    vec2 st = backdrop ? place : (level ? hit.xy : across_x ? hit.yz : hit.xz) * repeat[surface];
    vec2 limit = vec2(0.06);                                         // the seams of the box are no far-away surface
    vec3 albedo = textureGrad(surfaces, vec3(st, float(surface)),
                              clamp(dFdx(st), -limit, limit), clamp(dFdy(st), -limit, limit)).rgb;
    vec3 light = mix(ground, sky, 0.5 + 0.5 * n.z) + direct * max(dot(n, to_light), 0.0);
    colour = vec4(backdrop ? albedo : albedo * light, 1.0);
}
"""

FLOOR_VERTEX = (
    """
#version 330
uniform vec3 patch_of_floor;
in vec2 in_corner;            // 0 to 1
out vec2 at;
"""
    + _CAMERA
    + """
void main() {
    at = in_corner;
    gl_Position = seen(vec3(patch_of_floor.xy + (in_corner * 2.0 - 1.0) * patch_of_floor.z, 0.0));
}
"""
)

FLOOR_FRAGMENT = """
#version 330
uniform sampler2D shade;
uniform float depth_of_shadow, blur;  // share of the light that is taken; mipmap level
in vec2 at;
out vec4 dark;
void main() { dark = vec4(vec3(1.0 - depth_of_shadow * textureLod(shade, at, blur).r), 1.0); }
"""
