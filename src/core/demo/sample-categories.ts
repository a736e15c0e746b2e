/** What the demo's shop sells. */
export interface Category {
  readonly name: string;
  readonly english: string;
  /** Middle of the prices, in reais. */
  readonly medianPrice: number;
  readonly weightG: number;
  readonly weight: number;
}

const category = (name: string, english: string, medianPrice: number, weightG: number, weight: number): Category => ({
  name,
  english,
  medianPrice,
  weightG,
  weight,
});

export const CATEGORIES: readonly [Category, ...Category[]] = [
  category('cosmeticos', 'cosmetics', 74, 500, 10),
  category('roupa_de_cama', 'bed_linen', 79, 1500, 11),
  category('material_esportivo', 'sporting_goods', 78, 900, 9),
  category('moveis', 'furniture', 120, 9500, 7),
  category('acessorios_de_informatica', 'computer_accessories', 82, 450, 8),
  category('celulares', 'mobile_phones', 64, 250, 6),
  category('relogios', 'watches', 125, 300, 6),
  category('cozinha', 'kitchenware', 55, 1400, 7),
  category('brinquedos', 'toys', 79, 950, 5),
  category('jardim', 'garden', 60, 2600, 4),
  category('livros', 'books', 48, 500, 3),
  category('perfumes', 'perfumes', 105, 420, 4),
  category('bebe', 'baby_care', 89, 2200, 4),
  category('papelaria', 'stationery', 42, 800, 3),
  category('animais', 'pets', 66, 2100, 3),
  category('bolsas_e_malas', 'bags_and_luggage', 92, 1900, 2),
  category('audio_e_video', 'audio_and_video', 110, 1100, 2),
  category('eletroportateis', 'small_appliances', 138, 3600, 2),
  category('instrumentos', 'musical_instruments', 170, 3200, 1),
  category('alimentos', 'groceries', 45, 1100, 2),
  category('calcados', 'footwear', 75, 850, 2),
  category('computadores', 'computers', 980, 6400, 1),
];
